/** What a search asks for, and where in a text it was found. No DOM. */

const ITEM = /(?:(from|in|before|after|has):)?(?:"([^"]*)"?|([^\s"]+))/giu;
const UNSPACED = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;
const BEFORE_CHARS = 60; // of a long text, before what was found
const FAR_CHARS = 120; // what is found within these is shown from the beginning of the text

/**
 * The text of a search with its filters: the name of an author, what the message has (such as "file"), the first and the last
 * day ("2026-01-31", this device's).
 */
export function searchText({ text, author = "", has = "", since = "", until = "" }) {
  const name = author.trim().replace(/^[@＠]/u, "").replaceAll('"', "");
  const conditions = [name && `from:"${name}"`, has && `has:${has}`, since && `after:${minuteOf(since)}`, until && `before:${minuteOf(until, 1)}`];
  return [text.trim(), ...conditions].filter(Boolean).join(" ");
}

/** A text as parts, `[{text, found}, …]`: those that the words of a search stand for are `found`. A long one begins near the first. */
export function foundParts(body, search) {
  const places = [...placesIn(body, search)];
  const begin = beginOf(body, places[0]?.from ?? 0);
  const parts = [];
  let at = begin;
  for (const { from, to } of places) {
    if (from > at) parts.push({ text: body.slice(at, from), found: false });
    parts.push({ text: body.slice(from, to), found: true });
    at = to;
  }
  if (at < body.length) parts.push({ text: body.slice(at), found: false });
  if (begin > 0) parts.unshift({ text: "…", found: false });
  return parts;
}

/** The first minute of a day here, `days` later, in UTC. */
function minuteOf(day, days = 0) {
  const [year, month, date] = day.split("-").map(Number);
  const begin = new Date(2000, month - 1, date + days);
  begin.setFullYear(year + begin.getFullYear() - 2000); // as `Date` takes the year 20 for 1920
  return `${begin.toISOString().slice(0, 16)}Z`;
}

function* placesIn(body, search) {
  const wanted = [...search.normalize("NFKC").replace(/[“”„«»]/gu, '"').matchAll(ITEM)]
    .filter(([, condition]) => !condition)
    .map(([, , phrase, word]) => (phrase ?? word).trim())
    .filter(Boolean)
    .sort((one, other) => other.length - one.length);
  if (wanted.length === 0) return;
  for (const { 0: text, index } of body.matchAll(new RegExp(wanted.map(patternOf).join("|"), "giu"))) {
    yield { from: index, to: index + text.length };
  }
}

/** Words are found as a whole, but for those of scripts that put no spaces between them. */
function patternOf(words) {
  const pattern = words.split(/\s+/u).map((word) => word.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&")).join("\\s+");
  return UNSPACED.test(words) ? pattern : `(?<![\\p{L}\\p{N}])${pattern}(?![\\p{L}\\p{N}])`;
}

function beginOf(body, first) {
  if (first <= FAR_CHARS) return 0;
  const begin = first - BEFORE_CHARS;
  const space = body.slice(begin, first).search(/\s/u);
  if (space !== -1) return begin + space + 1;
  return /[\udc00-\udfff]/.test(body[begin]) ? begin + 1 : begin;
}
