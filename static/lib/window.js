/**
 * The messages of a room that are here: a run by ascending seq, which may reach neither the beginning of the room nor
 * its head. A message that changes is replaced by another object. These functions change a room of the store
 * (`messages`, `loaded`, `moreBefore`, `moreAfter`, `next`). No DOM.
 */

export const MOST_MESSAGES = 400; // here at once of one room; the others load again
export const KEPT_MESSAGES = 300; // when a room that is read at its end has grown to more than that
const BEFORE_READER = 150; // kept above somebody who reads further up

/** A room without messages. `next` is the seq after which a page forwards begins. */
export function noMessages() {
  return { messages: [], loaded: false, moreBefore: false, moreAfter: false, next: null };
}

/** A page takes the place of what is here. What came after the page was read is still to be loaded. */
export function replaceWith(room, page) {
  Object.assign(room, { messages: page.messages, loaded: true, moreBefore: Boolean(page.more_before) });
  reach(room, page);
}

/** Older messages, if they still end where those here begin: at the seq `before`. */
export function addBefore(room, page, before) {
  if (room.messages[0]?.seq !== before) return;
  room.messages = [...page.messages.filter(({ seq }) => seq < before), ...room.messages];
  room.moreBefore = Boolean(page.more_before);
  cutEnd(room, MOST_MESSAGES);
}

/** Newer messages, if they still begin where those here end: after the seq `after`. */
export function addAfter(room, page, after) {
  if (!room.loaded || room.next !== after) return;
  const last = room.messages.at(-1)?.seq ?? after;
  room.messages = [...room.messages, ...page.messages.filter(({ seq }) => seq > last)];
  reach(room, page);
  cutStart(room, MOST_MESSAGES);
}

/** A new message. It is kept only if those here reach the head of the room. `reader`: the seq that somebody reads at. */
export function addNew(room, message, reader) {
  if (!room.loaded || room.moreAfter || room.messages.some(({ id }) => id === message.id)) return;
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

/** Whether the place of this seq is among those here, or they end before it where the room does. */
export function covers({ messages, moreBefore, moreAfter, loaded }, seq) {
  if (!loaded) return false;
  if (messages.length === 0) return !moreBefore && !moreAfter;
  return (!moreBefore || messages[0].seq <= seq) && (!moreAfter || seq <= messages.at(-1).seq);
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
}

function cutEnd(room, most) {
  if (room.messages.length <= most) return;
  room.messages = room.messages.slice(0, most);
  room.moreAfter = true;
  room.next = room.messages.at(-1).seq;
}
