/** Whether what a server says has the fields that the page reads: a broken one must break nothing here. No DOM. */

const isText = (value) => typeof value === "string";
const isUser = (value) => isText(value?.id);
const isRecord = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const isTime = (value) => isText(value) && !Number.isNaN(Date.parse(value));
const hasMessage = ({ message }) => isText(message);
const reacts = ({ message, emoji, author }) => isText(message) && isText(emoji) && isUser(author);

/** By kind of event, what it needs beside `room` and `seq`; of other kinds nothing is read. */
const NEEDS = {
  "message.posted": isMessage,
  "message.edited": ({ message, body }) => isText(message) && isText(body),
  "message.deleted": hasMessage,
  "reaction.added": reacts,
  "reaction.removed": reacts,
  "pin.added": hasMessage,
  "pin.removed": hasMessage,
  "member.changed": ({ user }) => isUser(user),
  typing: ({ user }) => isUser(user),
};
const WITHOUT_SEQ = new Set(["typing"]);

/** Whether an event of a room can be applied. */
export function isEvent(event) {
  const { ev, room, seq } = event;
  const needs = Object.hasOwn(NEEDS, ev) ? NEEDS[ev] : () => true;
  return isText(room) && (WITHOUT_SEQ.has(ev) || Number.isInteger(seq)) && needs(event);
}

/** Whether a message can be shown. A message that was deleted has an empty text. */
export function isMessage({ id, seq, author, body, at, mentions = [], reactions = {}, data = {} }) {
  const isSaid = isText(id) && Number.isInteger(seq) && isUser(author) && isText(author.name) && isText(body) && isTime(at);
  return isSaid && Array.isArray(mentions) && isRecord(reactions) && Object.values(reactions).every(Array.isArray) && isRecord(data);
}

/** What is told of threads, by message, as far as it can be shown. Throws a TypeError if nothing is told. */
export function threadsOf({ threads }) {
  if (!isRecord(threads)) throw new TypeError("these are no threads");
  const isTold = ([, told]) => isRecord(told) && Number.isInteger(told.count) && Number.isInteger(told.seq) && isTime(told.at) && isNamed(told.authors);
  return Object.fromEntries(Object.entries(threads).filter(isTold));
}

function isNamed(users) {
  return Array.isArray(users) && users.every((user) => isUser(user) && isText(user.name));
}

/** The messages of a page that can be shown. Throws a TypeError if it is no page. */
export function messagesOf({ messages, head }) {
  if (!Array.isArray(messages) || !Number.isInteger(head)) throw new TypeError("this is no page of a room");
  return messages.filter((message) => isRecord(message) && isMessage(message));
}
