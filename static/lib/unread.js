/** What is told of a room that was not read. No DOM. */

/**
 * What its row in the side bar shows: `isBold`, the numbers of `unread` messages and of `mentions`, which are 0 where none
 * is to be told, and `isMarked` by the reader to be read later. Of a muted room nothing but mentions is told.
 */
export function signsOf({ kind, unread, mentions, prefers: { muted, unread: isMarked } }) {
  if (muted) return { isBold: false, unread: 0, mentions, isMarked };
  // In a direct room each message is to the reader.
  return { isBold: unread > 0 || isMarked, unread, mentions: kind === "direct" ? 0 : mentions, isMarked };
}

/** How much of a room counts in the title of the page: its unread messages; one, if it was only marked. */
export function countOf(room) {
  const { unread, mentions, isMarked } = signsOf(room);
  return Math.max(unread, mentions, isMarked ? 1 : 0);
}
