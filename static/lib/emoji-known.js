/** The emoji that there are to choose from, and those that the reader has chosen lately. No DOM. */

export const TONES = ["", "🏻", "🏼", "🏽", "🏾", "🏿"]; // of the skin, "" for none
export const MOST_RECENT = 24;
const TONE = "emoji.tone"; // preferences of the account
const RECENT = "emoji.recent"; // separated by blanks

/**
 * Groups of emoji, `[{label, emoji: [{text, name, names, words, hasTones, src?}, …]}, …]`, of what plugins list and of the
 * pictures by name that they bring, under the label `own`. A name stands for one emoji: what is listed comes before a
 * picture of the same name, since the server may replace it.
 *
 * @param {any[]} lists what items of `composer.emoji/v1` resolved with: texts by name, or groups
 * @param {Record<string, string>[]} pictures addresses by name
 */
export function groupsOf(lists, pictures, own) {
  const taken = new Set();
  const groups = [];
  const named = [];
  for (const list of lists) {
    for (const { label, emoji } of Array.isArray(list) ? list : []) groups.push({ label, emoji: emoji.map((one) => listed(one, taken)) });
    if (!Array.isArray(list)) named.push(...Object.entries(list ?? {}).filter(([name]) => isNew(name, taken)).map(([name, text]) => plain(name, text)));
  }
  named.sort((one, other) => one.name.localeCompare(other.name));
  const drawn = pictures.flatMap((each) => Object.entries(each)).filter(([name, src]) => src && isNew(name, taken));
  drawn.sort(([one], [other]) => one.localeCompare(other));
  const mine = [...drawn.map(([name, src]) => ({ ...plain(name, `:${name}:`), src })), ...named];
  return [...(mine.length ? [{ label: own, emoji: mine }] : []), ...groups].filter(({ emoji }) => emoji.length);
}

function isNew(name, taken) {
  return !taken.has(name) && Boolean(taken.add(name));
}

function plain(name, text) {
  return { text, name, names: [name], words: "", hasTones: false };
}

function listed({ text, names, words = "", has_tones: hasTones = false }, taken) {
  for (const name of names) taken.add(name);
  return { text, name: names[0] ?? text, names, words, hasTones };
}

/** Those with a text in one of their names or words: first those whose name begins with it. */
export function found(groups, typed) {
  const wanted = typed.trim().toLowerCase().replaceAll(" ", "_");
  const word = typed.trim().toLowerCase();
  const all = groups.flatMap(({ emoji }) => emoji);
  const begins = ({ names, words }) => names.some((name) => name.startsWith(wanted)) || (words && words.startsWith(word));
  const has = ({ names, words }) => names.some((name) => name.includes(wanted)) || words.includes(word);
  return [...all.filter(begins), ...all.filter((each) => !begins(each) && has(each))];
}

/** `[{emoji, name}, …]` for a name that is being typed: shorter names first, then those of which a later word begins so. */
export function completed(groups, typed) {
  const all = groups.flatMap(({ emoji }) => emoji);
  const match = (fits) => all.flatMap((emoji) => emoji.names.filter(fits).map((name) => ({ emoji, name })));
  const begun = match((name) => name.startsWith(typed)).sort((one, other) => one.name.length - other.name.length);
  const within = match((name) => !name.startsWith(typed) && name.split(/[_-]/).some((word) => word.startsWith(typed)));
  const seen = new Set();
  return [...begun, ...within].filter(({ emoji }) => !seen.has(emoji) && Boolean(seen.add(emoji)));
}

/** The text of an emoji with a tone of the skin, where it has some. */
export function toned({ text, hasTones }, tone) {
  if (!hasTones || !tone) return text;
  const [first] = text;
  return first + tone + text.slice(first.length).replace(/^\u{fe0f}/u, "");
}

/** The tone that the reader has chosen. */
export function toneOf(account) {
  return TONES.includes(account.get(TONE)) ? account.get(TONE) : "";
}

export function setTone(account, tone) {
  account.set({ [TONE]: tone || null });
}

/** Texts of emoji, the last one first. */
export function recent(account) {
  return (account.get(RECENT) ?? "").split(" ").filter(Boolean);
}

export function noteChosen(account, text) {
  const texts = [text, ...recent(account).filter((each) => each !== text)].slice(0, MOST_RECENT);
  while (texts.join(" ").length > 500) texts.pop();
  account.set({ [RECENT]: texts.join(" ") });
}

/** The emoji of these texts, with the tones that they have; texts that are not known any more are left out. */
export function chosenLately(groups, texts) {
  const all = groups.flatMap(({ emoji }) => emoji);
  const known = new Map(all.flatMap((emoji) => (emoji.hasTones ? TONES : [""]).map((tone) => [toned(emoji, tone), emoji])));
  return texts.filter((text) => known.has(text)).map((text) => ({ ...known.get(text), text, hasTones: false }));
}
