/** Splits a message into plain text and web addresses. It makes no markup: the caller makes nodes. */

const ADDRESS = /https?:\/\/[^\s<>"'\x60、。「」『』（）【】]+/giu;
const PAIRS = new Map([[")", "("], ["]", "["], ["}", "{"]]);

/** `[{text, href?}, …]`, whose texts joined are the body. */
export function segments(body) {
  const found = [];
  let end = 0;
  for (const match of body.matchAll(ADDRESS)) {
    const address = withoutEnd(match[0]);
    if (!URL.canParse(address)) continue;
    if (match.index > end) found.push({ text: body.slice(end, match.index) });
    found.push({ text: address, href: address });
    end = match.index + address.length;
  }
  if (end < body.length) found.push({ text: body.slice(end) });
  return found;
}

/** Without punctuation and brackets at the end that more likely belong to the sentence: `)` stays if `(` is in it. */
export function withoutEnd(address, punctuation = ".,:;!?") {
  let end = address.length;
  const open = new Map([...PAIRS].map(([close, opening]) => [close, count(address, opening) - count(address, close)]));
  for (; end > 0; end--) {
    const last = address[end - 1];
    const spare = open.get(last);
    if (spare !== undefined) {
      if (spare >= 0) break;
      open.set(last, spare + 1);
    } else if (!punctuation.includes(last)) break;
  }
  return address.slice(0, end);
}

function count(text, character) {
  return text.split(character).length - 1;
}
