/** The text of a message that forwards another: a comment, the other's text as a quote under its author's name, and its link. No DOM. */

import { parse } from "./formatting.js";
import { segments } from "./linkify.js";

export const MOST_CHARS = 8_000; // of a message, as servers have it by default; one that allows less refuses it, with its own number
export const MOST_COMMENT_CHARS = 2_000; // so that most of a long text has room below it
const JOINER = "\u2060"; // has no width, and no name may contain it
// All that chatserver/service/texts.py takes for a mention, and some that it does not, as letters differ by version of Unicode.
const MENTION = /(?<![\w@.-])@(?=[\w\u0080-\u205f\u2061-\uffff])/g;
const MARKS = /[\\\x60*_~|[\]]/g;
const LINES = /\r\n?|\n/;
const BLANK = /(?:\r\n?|\n)[ \t]*(?:\r\n?|\n)/g;
const PREFIX = 2; // characters before each line of a quote
const FENCE = /^[ \t]*(\x60{3,}|~{3,})/gm;
const CUT = "\n\n…";

/**
 * `{body, isCut}`: `isCut` says that the text was too long, and the quote has its beginning alone. Names in the quote reach
 * nobody. `comment` has at most MOST_COMMENT_CHARS characters, and names in it count.
 */
export function forwarded({ author, body }, comment, link) {
  const before = comment.trim() ? `${closed(comment.trim())}\n\n` : "";
  const head = `**${unmentioned(author.name.replace(MARKS, "\\$&"))}**\n\n`;
  const whole = (text) => `${before}${quoted(head + text)}\n\n${link}`;
  const text = unmentioned(body);
  if (count(whole(text)) <= MOST_CHARS) return { body: whole(text), isCut: false };
  return { body: whole(beginning(text, MOST_CHARS - count(whole(CUT))) + CUT), isCut: true };
}

/** A text as a quote, which ends where the text does, whatever marks it leaves open. */
function quoted(text) {
  return text
    .split(LINES)
    .map((line) => (line ? `> ${line}` : ">"))
    .join("\n");
}

/** A text in which no name is a mention. It looks the same, but for an address with one, which leads to the same place. */
function unmentioned(text) {
  return segments(text)
    .map(({ text: part, href }) => part.replace(MENTION, href ? "%40" : `@${JOINER}`))
    .join("");
}

/**
 * The beginning of a text that takes at most `room` characters as a quote. No spoiler is cut open: of the paragraph that
 * is cut, nothing is left from the first mark of one on.
 */
function beginning(text, room) {
  let left = room - PREFIX;
  let end = 0;
  for (const char of text) {
    left -= LINES.test(char) ? 1 + PREFIX : 1;
    if (left < 0) break;
    end += char.length;
  }
  const start = text.slice(0, end);
  const paragraph = [...start.matchAll(BLANK)].at(-1)?.index ?? 0;
  const spoiler = start.indexOf("||", paragraph);
  return start.slice(0, spoiler < 0 ? end : spoiler).trimEnd();
}

/** A comment whose last block of code ends: an open one would go on through the quote. */
function closed(comment) {
  if (isClosed(comment)) return comment;
  const fences = new Set([...comment.matchAll(FENCE)].map(([, fence]) => fence));
  return [...fences].map((fence) => `${comment}\n${fence}`).find(isClosed) ?? comment;
}

function isClosed(comment) {
  return parse(`${comment}\n\n> .`).at(-1)?.kind === "quote";
}

/** Characters as the server counts them. */
function count(text) {
  return [...text].length;
}
