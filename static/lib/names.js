/** Names in texts: of people behind `@`, as the server reads them, and of rooms behind `#`. No DOM. */

const NAMED = /(?<![\p{L}\p{M}\p{N}_@.-])@[\p{L}\p{M}\p{N}_]+(?:[.-]+[\p{L}\p{M}\p{N}_]+)*/gu;
const SIGN = /(?<![\p{L}\p{M}\p{N}_@#&/.-])#/gu;
const GOES_ON = /^(?:[\p{L}\p{M}\p{N}_]|[.-]+[\p{L}\p{M}\p{N}_])/u;

/** `[{text, isName}, …]`, whose texts joined are the text; the names begin with `@`. */
export function namesIn(text) {
  const parts = [];
  let end = 0;
  for (const { 0: name, index } of text.matchAll(NAMED)) {
    if (index > end) parts.push({ text: text.slice(end, index), isName: false });
    parts.push({ text: name, isName: true });
    end = index + name.length;
  }
  if (end < text.length) parts.push({ text: text.slice(end), isName: false });
  return parts;
}

/**
 * `[{text, room}, …]`, whose texts joined are the text: `room` is the id of that of `rooms` (a Map of the store) which the
 * reader is in and whose name stands there behind `#`, the longest one; else null.
 */
export function roomsIn(text, rooms) {
  const parts = [];
  let end = 0;
  for (const { index } of text.matchAll(SIGN)) {
    const room = index < end ? null : roomAt(text, index + 1, rooms);
    if (!room) continue;
    if (index > end) parts.push({ text: text.slice(end, index), room: null });
    end = index + 1 + room.name.length;
    parts.push({ text: text.slice(index, end), room: room.id });
  }
  if (end < text.length) parts.push({ text: text.slice(end), room: null });
  return parts;
}

function roomAt(text, from, rooms) {
  /** @type {any} */
  let found = null;
  for (const room of rooms.values()) {
    const { name, joined, kind } = room;
    if (!joined || !name || kind === "direct" || name.length <= (found?.name.length ?? 0)) continue;
    const end = from + name.length;
    if (text.slice(from, end).toLowerCase() === name.toLowerCase() && !GOES_ON.test(text.slice(end))) found = room;
  }
  return found;
}
