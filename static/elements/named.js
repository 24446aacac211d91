/**
 * Names in messages: of people who are mentioned, whose card a press opens, and of the reader's rooms, which are links to
 * them. Loaded with the first text that may have some.
 */

import { h } from "../lib/dom.js";
import { EVERYBODY } from "../lib/mentions.js";
import { namesIn, roomsIn } from "../lib/names.js";
import { plain } from "../lib/titles.js";
import "./formatting-sheet.js";

const MEMBERS = new WeakMap(); // by session, then by room and user name: `{person, answered}`; the person is null for nobody

/** A text of a message as nodes. `room` is null where no card can be opened; `draw(text)` makes nodes of what is no name. */
export function named(text, message, { session, room, rooms, draw }) {
  const drawRooms = (part) => roomsIn(part, rooms).flatMap(({ text: name, room: id }) => (id ? roomLink(name, id) : draw(name)));
  if (!message.mentions?.length) return drawRooms(text);
  const find = (name) => (room ? memberOf(session, room.id, plain(name.slice(1))) : {});
  const names = namesIn(message.body).filter(({ isName }) => isName).map((name) => find(name.text));
  const nodesOf = (name) => {
    const { person } = find(name);
    if (person) return [personButton(name, person)];
    return person === null && !hasOthers(message, names) ? draw(name) : [h("span", { class: "mention" }, name)];
  };
  return namesIn(text).flatMap(({ text: part, isName }) => {
    if (!isName) return drawRooms(part);
    const nodes = nodesOf(part).map(asNode);
    if (nodes[0].localName === "button") return nodes;
    const asked = names.filter(({ person, answered }) => answered && person === undefined);
    if (asked.length) void Promise.all(asked.map(({ answered }) => answered)).then(() => replace(nodes, nodesOf(part).map(asNode)));
    return nodes;
  });
}

/** What is drawn of a text may be a text. */
function asNode(drawn) {
  return drawn instanceof Node ? drawn : document.createTextNode(drawn);
}

/** In place, so that nothing else of the row changes: it may have the focus, or an open menu. */
function replace([first, ...rest], nodes) {
  if (!first.parentElement?.closest("article")?.contains(document.activeElement)) for (const node of nodes) if (node.localName === "button") node.tabIndex = -1; // as openRow does
  for (const node of rest) node.remove();
  first.replaceWith(...nodes);
}

/** Whether others are mentioned than by their user names: everybody, a group, or somebody who is not in the room. */
function hasOthers({ mentions }, names) {
  const found = new Set(names.map(({ person }) => person?.id));
  return mentions.some((id) => id === EVERYBODY || !found.has(id));
}

function personButton(text, person) {
  const onclick = ({ currentTarget }) => currentTarget.dispatchEvent(new CustomEvent("person-chosen", { bubbles: true, detail: person }));
  return h("button", { class: "mention", type: "button", "data-testid": "mention", onclick }, text);
}

function roomLink(text, room) {
  return h("a", { class: "mention", href: `#${new URLSearchParams({ room })}`, "data-testid": "room-mention" }, text);
}

/** What is known of the member of a room with this user name; without a person while the server is asked. */
function memberOf(session, room, username) {
  if (!MEMBERS.has(session)) MEMBERS.set(session, new Map());
  const known = MEMBERS.get(session);
  const key = `${room} ${username}`;
  if (!known.has(key)) {
    const member = {};
    const take = ({ items }) => (member.person = items.find((each) => each.username === username) ?? null);
    member.answered = session.findMembers(room, username).then(take, () => known.delete(key)); // the next row asks again
    known.set(key, member);
  }
  return known.get(key);
}
