/**
 * Names in messages: of people who are mentioned, whose card a press opens, and of the reader's rooms, which are links to
 * them. Loaded with the first text that may have some.
 */

import { h } from "../lib/dom.js";
import { EVERYBODY } from "../lib/mentions.js";
import { NamedMembers } from "../lib/named-members.js";
import { namesIn, roomsIn } from "../lib/names.js";
import { plain } from "../lib/titles.js";
import "./formatting-sheet.js";

const MOST_NAMES = 50; // of a message whose names lead somewhere
const MEMBERS = new WeakMap(); // by session
const MANY = new WeakMap(); // by message, whether it has more

/** A text of a message as nodes. `room` is null where no card can be opened; `draw(text)` makes nodes of what is no name. */
export function named(text, message, { session, room, rooms, draw }) {
  if (hasVeryMany(message)) return marked(text, message, draw);
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

/** The names marked alone: each that leads somewhere is compared with all rooms, and any text may hold thousands. */
function marked(text, { mentions = [] }, draw) {
  if (mentions.length === 0) return draw(text);
  return namesIn(text).flatMap(({ text: part, isName }) => (isName ? h("span", { class: "mention" }, part) : draw(part)));
}

function hasVeryMany(message) {
  if (!MANY.has(message)) MANY.set(message, (message.body.match(/[@#]/gu) ?? []).length > MOST_NAMES);
  return MANY.get(message);
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

/** As `NamedMembers.of`. */
function memberOf(session, room, username) {
  if (!MEMBERS.has(session)) MEMBERS.set(session, new NamedMembers((id, text) => session.findMembers(id, text)));
  return MEMBERS.get(session).of(room, username);
}
