/** To whom one can write: rooms, people who are known here, and people by their user name. No DOM. */

import { rightsIn } from "./rights.js";
import { bare, roomTitle } from "./titles.js";

const USERNAME = /^@?([\p{L}\p{N}_][\p{L}\p{N}_.-]{0,31})$/u;
const MOST_PEOPLE = 5;

/** The rooms with a text in their title in which I may write, as `{room, title}`, in the order of their titles. */
export function writableRooms(text, { me, rooms, blocked }, compare) {
  const wanted = bare(text);
  return [...rooms.values()]
    .filter((room) => room.joined && rightsIn(me, room).has("post") && !blocked.has(room.other))
    .map((room) => ({ room, title: roomTitle(room) }))
    .filter(({ title }) => bare(title).includes(wanted))
    .sort((a, b) => compare(a.title, b.title));
}

/**
 * Those with a text in their name who wrote what is here, then those whom it has `found` elsewhere; but for those with a direct
 * room, which is found as a room.
 */
export function knownPeople(text, { me, rooms }, found = []) {
  const wanted = bare(text.replace(/^@/, ""));
  const here = [...rooms.values()];
  const known = new Set([me?.id, ...here.map(({ other }) => other)]);
  const authors = new Map(here.flatMap(({ messages }) => messages.map(({ author }) => [author.id, author])));
  const named = [...authors.values()].filter(({ name }) => bare(name).includes(wanted));
  const all = new Map([...named, ...found].map((person) => [person.id, person]));
  return [...all.values()].filter(({ id, bot }) => !bot && !known.has(id)).slice(0, MOST_PEOPLE);
}

/** The user name that a text is; undefined if it is none. */
export function usernameIn(text) {
  return USERNAME.exec(text)?.[1];
}
