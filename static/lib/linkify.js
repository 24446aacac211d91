/** Splits a message into plain text and web addresses. It makes no markup: the caller makes nodes. */

// Ends before closing punctuation, western or Japanese, that more likely belongs to the sentence.
const ADDRESS = /https?:\/\/[^\s<>"'`、。「」『』（）【】]+[^\s<>"'`、。「」『』（）【】.,:;!?)\]}]/giu;

/** `[{text, href?}, …]`, whose texts joined are the body. */
export function segments(body) {
  const found = [];
  let end = 0;
  for (const match of body.matchAll(ADDRESS)) {
    if (!URL.canParse(match[0])) continue;
    if (match.index > end) found.push({ text: body.slice(end, match.index) });
    found.push({ text: match[0], href: match[0] });
    end = match.index + match[0].length;
  }
  if (end < body.length) found.push({ text: body.slice(end) });
  return found;
}
