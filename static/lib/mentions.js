/** Whom messages mention. No DOM. */

const EVERYBODY = "@room"; // among the ids of those who are mentioned: all members of the room
const WIDE = /(?<![\p{L}\p{M}\p{N}_@.-])@(?:room|here)(?![\p{L}\p{M}\p{N}_]|[.-]+[\p{L}\p{M}\p{N}_])/iu;

const NAMED = /(?<![\p{L}\p{M}\p{N}_@.-])@[\p{L}\p{M}\p{N}_]+(?:[.-]+[\p{L}\p{M}\p{N}_]+)*/gu;

/** Whether a message mentions this user (id), by name or with everybody. */
export function isMentioned({ mentions = [] }, user) {
  return mentions.includes(user) || mentions.includes(EVERYBODY);
}

/** Whether a text names everybody in its room, or those who are online there. */
export function namesMany(body) {
  return WIDE.test(body);
}

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
