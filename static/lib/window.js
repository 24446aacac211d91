/**
 * The messages of a room that are here: a run by ascending seq, which may reach neither the beginning of the room nor
 * its head. A message that changes is replaced by another object. Replies that are in a thread alone are no part of it;
 * of those within the run it is known to which thread they belong. These functions change a room of the store
 * (`messages`, `loaded`, `moreBefore`, `moreAfter`, `prev`, `next`, `threadOf`, `repliesFrom`). No DOM.
 */

export const MOST_MESSAGES = 400; // here at once of one room; the others load again
export const KEPT_MESSAGES = 300; // when a room that is read at its end has grown to more than that
const BEFORE_READER = 150; // kept above somebody who reads further up
const NONE = new Map();

/**
 * A room without messages. `prev` is the seq before which a page backwards ends, `next` that after which one forwards
 * begins; `threadOf` has the root's id by the seq of a reply, of all that are here after `repliesFrom`.
 */
export function noMessages() {
  return { messages: [], loaded: false, moreBefore: false, moreAfter: false, prev: null, next: null, threadOf: new Map(), repliesFrom: 0 };
}

/** Whether a message stands among those of the room: it is no reply in a thread, or one that its author sent to the room, too. */
export function isInRoom({ thread, broadcast }) {
  return !thread || Boolean(broadcast);
}

/** A page takes the place of what is here. What came after the page was read is still to be loaded. */
export function replaceWith(room, page) {
  const prev = page.messages[0]?.seq ?? page.head + 1;
  Object.assign(room, { messages: page.messages.filter(isInRoom), loaded: true, moreBefore: Boolean(page.more_before), prev, threadOf: new Map(), repliesFrom: 0 });
  noteReplies(room, page.messages);
  reach(room, page);
}

/** Older messages, if they still end where those here begin: at the seq `before`. */
export function addBefore(room, page, before) {
  if (!room.loaded || room.prev !== before) return;
  const older = page.messages.filter(({ seq }) => seq < before);
  room.messages = [...older.filter(isInRoom), ...room.messages];
  room.moreBefore = Boolean(page.more_before);
  room.prev = older[0]?.seq ?? before;
  noteReplies(room, older);
  cutEnd(room, MOST_MESSAGES);
}

/** Newer messages, if they still begin where those here end: after the seq `after`. */
export function addAfter(room, page, after) {
  if (!room.loaded || room.next !== after) return;
  const last = room.messages.at(-1)?.seq ?? after;
  const newer = page.messages.filter(({ seq }) => seq > last);
  room.messages = [...room.messages, ...newer.filter(isInRoom)];
  noteReplies(room, newer);
  reach(room, page);
  cutStart(room, MOST_MESSAGES);
}

/** A new message. It is kept only if those here reach the head of the room. `reader`: the seq that somebody reads at. */
export function addNew(room, message, reader) {
  if (!room.loaded || room.moreAfter || room.messages.some(({ id }) => id === message.id)) return;
  noteReplies(room, [message]);
  if (!isInRoom(message)) return;
  room.messages = [...room.messages, message];
  if (room.messages.length <= MOST_MESSAGES) return;
  if (reader === null) {
    cutStart(room, KEPT_MESSAGES);
    return;
  }
  const above = room.messages.findIndex(({ seq }) => seq >= reader);
  cutStart(room, Math.max(KEPT_MESSAGES, room.messages.length - Math.max(0, above - BEFORE_READER)));
  cutEnd(room, MOST_MESSAGES);
}

/** Puts what `changed` returns in the place of a message that is here. Returns whether it is. */
export function change(room, id, changed) {
  const place = room.messages.findLastIndex((message) => message.id === id);
  if (place < 0) return false;
  room.messages = room.messages.with(place, changed(room.messages[place]));
  return true;
}

/** Keeps `most` messages: the newest, or those around a seq. */
export function shrink(room, most, around) {
  if (around !== null) {
    const place = room.messages.findIndex(({ seq }) => seq >= around);
    const end = Math.max(most, (place < 0 ? room.messages.length : place) + Math.ceil(most / 2));
    cutEnd(room, end);
  }
  cutStart(room, most);
}

/** Whether the place of this seq is among those here, and it is known what it is; or they end before it where the room does. */
export function covers({ messages, moreBefore, moreAfter, loaded, prev, next, threadOf = NONE, repliesFrom = 0 }, seq) {
  if (!loaded || (moreBefore && prev > seq) || (moreAfter && seq > next)) return false;
  return seq > repliesFrom || threadOf.has(seq) || messages.some((message) => message.seq === seq);
}

/** The message of this seq, or the nearest one; of two, the later one. undefined if there are none. */
export function nearest({ messages }, seq) {
  const later = messages.find((message) => message.seq >= seq);
  const earlier = messages.findLast((message) => message.seq < seq);
  if (!later || !earlier) return later ?? earlier;
  return later.seq - seq <= seq - earlier.seq ? later : earlier;
}

/** Where a page ends, seen from now: `lastSeq` may have come since. */
function reach(room, page) {
  const late = room.lastSeq !== null && room.lastSeq > page.head;
  room.moreAfter = Boolean(page.more_after) || late;
  room.next = page.after ?? page.head;
}

function cutStart(room, most) {
  if (room.messages.length <= most) return;
  room.messages = room.messages.slice(-most);
  room.moreBefore = true;
  room.prev = room.messages[0].seq;
  forgetReplies(room, (seq) => seq < room.prev);
}

function cutEnd(room, most) {
  if (room.messages.length <= most) return;
  room.messages = room.messages.slice(0, most);
  room.moreAfter = true;
  room.next = room.messages.at(-1).seq;
  forgetReplies(room, (seq) => seq > room.next);
}

function noteReplies(room, messages) {
  for (const message of messages) if (!isInRoom(message)) room.threadOf.set(message.seq, message.thread);
}

function forgetReplies({ threadOf }, isOutside) {
  for (const seq of threadOf.keys()) if (isOutside(seq)) threadOf.delete(seq);
}
