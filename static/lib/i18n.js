/** Which language the page speaks, and its texts, numbers and times in it. */

const TEXTS = {}; // those that are here
const ADDED = {}; // texts of parts of the page that not everybody loads, by language
const LOADS = { en: () => import("../texts/en.js"), ja: () => import("../texts/ja.js") }; // for those who read them
export const LANGUAGES = [
  ["en", "English"],
  ["ja", "日本語"],
];

// Codes whose text here says all there is: the page's own, and that of a command, whose name the reader has typed.
const WHOLE = new Set(["connection.lost", "command.unknown"]);

let language = "en";
let wanted = "en"; // differs from `language` while its texts are loading
let reading = []; // the browser's languages, with their regions

/** The first language of the list that there are texts for; English otherwise. */
export function preferred(tags) {
  const found = tags.map((tag) => tag.toLowerCase().split("-")[0]).find((tag) => Object.hasOwn(LOADS, tag));
  return found ?? "en";
}

export function currentLanguage() {
  return language;
}

/** "ltr" or "rtl": where lines of a language begin. A browser that does not know says "ltr". */
export function directionOf(tag) {
  /** @type {any} */
  const locale = new Intl.Locale(tag);
  return (locale.getTextInfo?.() ?? locale.textInfo)?.direction ?? "ltr";
}

/**
 * The first of these that there are texts for, else the browser's (`tags`), from when its texts are here.
 * @param {(string | null | undefined)[]} chosen
 */
export function startLanguage(chosen, tags) {
  reading = tags;
  return chooseLanguage(chosen.find((tag) => LANGUAGES.some(([known]) => known === tag)) ?? preferred(tags));
}

/** Texts that cannot be loaded leave the language that is spoken already; at the start, English. */
export async function chooseLanguage(tag) {
  wanted = tag;
  try {
    await load(tag);
    if (wanted === tag) language = tag; // none was chosen meanwhile
  } catch (error) {
    console.error(`texts of ${tag}:`, error);
    if (tag !== "en" && !TEXTS[language]) await chooseLanguage("en");
  }
}

async function load(tag) {
  TEXTS[tag] ??= { ...(await LOADS[tag]()).default, ...ADDED[tag] };
}

/** Loads the English texts for readers of other languages: these tell what a server says beyond the meaning of a code. */
export async function learnEnglish() {
  await load("en").catch(() => {}); // without a network all that it says is shown
}

/** Adds the texts of a part of the page that not everybody loads, `{en: {…}, ja: {…}}`. */
export function addTexts(given) {
  for (const [tag, texts] of Object.entries(given)) {
    ADDED[tag] = { ...ADDED[tag], ...texts };
    if (TEXTS[tag]) Object.assign(TEXTS[tag], texts);
  }
}

/** The text of a key; `{name}` in it is replaced. For a number `count` it is that of `KEY.one` and so on, if there is one. */
export function t(key, values = {}) {
  return own(key, values) ?? key;
}

/** The text of a key in the chosen language alone; undefined if it has none. */
function own(key, values = {}) {
  const texts = TEXTS[language];
  if (!texts || !Object.hasOwn(texts, key)) return undefined;
  const form = typeof values.count === "number" && `${key}.${new Intl.PluralRules(language).select(values.count)}`;
  return texts[form && Object.hasOwn(texts, form) ? form : key].replace(/\{(\w+)\}/g, (_, name) => (Object.hasOwn(values, name) ? values[name] : ""));
}

/** A text of the server or a plugin: one text, or texts by language, `{en: "Vote", ja: "投票"}`. */
export function said(text) {
  if (typeof text !== "object" || text === null) return text ?? "";
  const [first = ""] = Object.values(text);
  return [language, "en"].map((tag) => (Object.hasOwn(text, tag) ? text[tag] : undefined)).find((found) => found !== undefined) ?? first;
}

/**
 * Why something was refused, in the reader's language: the plugin's own text in it, else by `detail.field` and
 * `detail.reason`, else by the code, with what the server said if that is more than what the code means.
 * @param {{code: string, message: string, detail?: any}} error
 */
export function errorText({ code, message, detail }) {
  if (detail?.texts) return said(detail.texts);
  if (detail?.ban) return banText(detail.ban);
  const reason = [detail?.field, detail?.reason].filter(Boolean).join(".");
  const why = own(`why.${reason}`, detail ?? {});
  if (why) return why;
  const key = `error.${code}`;
  const text = own(key);
  if (!text) return message || t("error.unknown");
  if (!message || message === TEXTS.en?.[key]) return text;
  if (language === "en" && code !== "connection.lost") return message;
  return WHOLE.has(code) ? text : t("refused.because", { text, message });
}

/** Why and how long the reader may not come into a room. */
export function banText({ reason = "", until = null }) {
  const because = reason && t("ban.because", { reason });
  return [t("error.room.banned"), because, until && t("ban.until", { time: formatFull(new Date(until)) })].filter(Boolean).join(" ");
}

/** A text of a step of a sign-in method in the reader's language, or as the server said it. */
export function stepText(method, name, given) {
  return own(`step.${method}.${name}`) ?? said(given);
}

/** The chosen language with the reader's region, which decides on 12 or 24 hours and the order of day and month. */
export function locale() {
  return reading.find((tag) => new RegExp(`^${language}(-[a-z0-9]+)*$`, "i").test(tag)) ?? language;
}

const formats = new Map(); // making one takes longer than using it

function format(options) {
  const key = JSON.stringify([locale(), options]);
  if (!formats.has(key)) formats.set(key, new Intl.DateTimeFormat(locale(), options));
  return formats.get(key);
}

export function formatTime(at) {
  return format({ timeStyle: "short" }).format(at);
}

export function formatDay(at, now = new Date()) {
  if (at.toDateString() === now.toDateString()) return t("today");
  const yesterday = new Date(now.getFullYear(), now.getMonth(), now.getDate() - 1);
  if (at.toDateString() === yesterday.toDateString()) return t("yesterday");
  const year = at.getFullYear() === now.getFullYear() ? undefined : "numeric";
  return format({ weekday: "short", month: "long", day: "numeric", year }).format(at);
}

export function formatDate(at) {
  return format({ dateStyle: "long" }).format(at);
}

export function formatFull(at) {
  return format({ dateStyle: "full", timeStyle: "medium" }).format(at);
}

const AGES = { day: 86_400, hour: 3_600, minute: 60, second: 1 }; // seconds

/** A time span in its largest unit, such as "3 hours". */
export function formatAge(seconds) {
  const [unit, size] = Object.entries(AGES).find(([, least]) => seconds >= least) ?? ["second", 1];
  return new Intl.NumberFormat(locale(), { style: "unit", unit, unitDisplay: "long" }).format(Math.floor(seconds / size));
}

/** The name of a unit of ECMA-402 in the reader's language, such as "seconds"; of another one as it is given. */
export function unitName(unit) {
  try {
    const parts = new Intl.NumberFormat(locale(), { style: "unit", unit, unitDisplay: "long" }).formatToParts(2);
    return parts.find(({ type }) => type === "unit")?.value ?? unit;
  } catch (error) {
    if (error instanceof RangeError) return unit;
    throw error;
  }
}

const SIZES = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];

/** A number of bytes in decimal units, such as "1.5 MB". */
export function formatBytes(bytes) {
  const step = Math.min(SIZES.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(bytes, 1)) / 3)));
  const unit = SIZES[step];
  return new Intl.NumberFormat(locale(), { style: "unit", unit, unitDisplay: "short", maximumFractionDigits: 1 }).format(bytes / 1000 ** step);
}
