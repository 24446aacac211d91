/** Emoji that plugins bring: `:name:` in a text stands for a picture. No DOM. */

// Code between backticks is left out (CommonMark 6.1). The last colon of a name may be the first of the next.
const CODE_OR_NAME = /(?<!`)(`+)(?!`)[^]*?(?<!`)\1(?!`)|:([a-z0-9_-]{2,32})(?=:)/g;
const JOINED = /[\w:/]/; // a colon after it begins no name: `std::fire::x`, `host:8080`

/** `[{text, src?}, …]`, whose texts joined are the text; `src` is the address of a picture. */
export function pictured(text, places) {
  const items = places.in("message.emoji/v1");
  if (!items.length || !text.includes(":")) return [{ text }];
  const found = [];
  let end = 0;
  for (const { 0: begun, 2: name, index } of text.matchAll(CODE_OR_NAME)) {
    const src = name && pictureOf(name, items);
    if (!src || index < end || (index > end && JOINED.test(text[index - 1]))) continue;
    if (index > end) found.push({ text: text.slice(end, index) });
    found.push({ text: `${begun}:`, src });
    end = index + begun.length + 1;
  }
  if (end < text.length) found.push({ text: text.slice(end) });
  return found;
}

/** Whether there are emoji to choose from. */
export function hasEmoji(places) {
  return ["message.emoji/v1", "composer.emoji/v1"].some((place) => places.in(place).length);
}

function pictureOf(name, items) {
  return items.find(({ pictures }) => Object.hasOwn(pictures, name))?.pictures[name];
}
