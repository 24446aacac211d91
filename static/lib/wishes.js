/**
 * When the reader does not want to be disturbed, and the words of which they are told, from the preferences of their
 * account. The plugin `push` reads them, too: tests/page/wishes.json has cases for both. No DOM.
 */

export const SCHEDULE = "notify.schedule";
export const UNTIL = "notify.until";
export const WORDS = "notify.words";
export const MOST_WORDS = 50;
export const DAYS = ["1", "2", "3", "4", "5", "6", "7"]; // Monday is the first
const NAMES = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const PATTERN = /^([1-7]{1,7}) ((?:[01]\d|2[0-3]):[0-5]\d) ((?:[01]\d|2[0-3]):[0-5]\d) (\S{1,64})$/;
const MINUTE_MS = 60_000;
const DAY_MINUTES = 1_440;
const MOST_PARTS = 10; // of a while without a gap: a day each, and more than a week
// Scripts without blanks between words: there a word is found within others.
const UNSPACED = /[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\u{20000}-\u{3ffff}]/u;

/** `{days, from, to, zone}` of a text such as "12345 22:00 07:00 Europe/Berlin"; null if it is none. */
export function scheduleOf(text) {
  const found = PATTERN.exec(text ?? "");
  return found && { days: DAYS.filter((day) => found[1].includes(day)), from: found[2], to: found[3], zone: found[4] };
}

export function scheduleText({ days, from, to, zone }) {
  return `${days.join("")} ${from} ${to} ${zone}`;
}

/** Whether the reader does not want to be disturbed at a time (ms); `preferences` is of AccountPreferences. */
export function isQuiet(preferences, at) {
  if (at < untilOf(preferences, at)) return true;
  const schedule = scheduleOf(preferences.get(SCHEDULE));
  return schedule !== null && covers(schedule, at);
}

/**
 * Until when (ms) the reader does not want to be disturbed at a time (ms): a while and hours that follow each other count as
 * one. Null if they may be disturbed, Infinity if the hours of the week leave no gap.
 */
export function quietUntil(preferences, at) {
  const schedule = scheduleOf(preferences.get(SCHEDULE));
  let end = at;
  for (let parts = 0; parts < MOST_PARTS; parts++) {
    const next = Math.max(untilOf(preferences, end), schedule && covers(schedule, end) ? endOfHours(schedule, end) : end);
    if (next === end) return end > at ? end : null;
    end = next;
  }
  return Infinity;
}

/** Whether that changes as time goes by. */
export function isTimed(preferences, at) {
  return scheduleOf(preferences.get(SCHEDULE)) !== null || untilOf(preferences, at) > at;
}

/** Until when (ms) the reader wants nothing, if that is yet to come; else `at`. */
export function untilOf(preferences, at) {
  const until = Date.parse(preferences.get(UNTIL) ?? "");
  return until > at ? until : at;
}

/** Whether one of the words, a line each, is in the text as a whole word. */
export function hasWord(words, text) {
  const wanted = (words ?? "").split("\n").slice(0, MOST_WORDS).map((word) => folded(word.trim())).filter(Boolean);
  return wanted.length > 0 && new RegExp(wanted.map(whole).join("|"), "u").test(folded(text));
}

function covers({ days, from, to, zone }, at) {
  const { day, time } = inZone(at, zone);
  const today = days.includes(DAYS[day]);
  const yesterday = days.includes(DAYS[(day + 6) % 7]);
  return from < to ? today && from <= time && time < to : (today && time >= from) || (yesterday && time < to);
}

/** When (ms) a clock in the zone shows the end of the hours next. */
function endOfHours({ to, zone }, at) {
  const before = at - (at % MINUTE_MS);
  const minutes = (from, end) => (minuteOf(end) - minuteOf(from) + DAY_MINUTES) % DAY_MINUTES;
  const end = before + (minutes(inZone(before, zone).time, to) || DAY_MINUTES) * MINUTE_MS;
  const late = minutes(to, inZone(end, zone).time); // the clock was put forward, or back, meanwhile
  const mended = end - (late > DAY_MINUTES / 2 ? late - DAY_MINUTES : late) * MINUTE_MS;
  return mended > at ? mended : end;
}

function minuteOf(time) {
  const [hours, minutes] = time.split(":").map(Number);
  return hours * 60 + minutes;
}

/** The day of the week, 0 for Monday, and the time of day in a time zone; here, if the browser does not know it. */
function inZone(at, zone) {
  const options = /** @type {const} */ ({ weekday: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  let format;
  try {
    format = new Intl.DateTimeFormat("en-US", { ...options, timeZone: zone });
  } catch {
    format = new Intl.DateTimeFormat("en-US", options);
  }
  const parts = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, value]));
  return { day: NAMES.indexOf(parts.weekday), time: `${parts.hour}:${parts.minute}` };
}

function folded(text) {
  return text.normalize("NFKC").toLowerCase();
}

function whole(word) {
  const letters = [...word];
  const before = UNSPACED.test(letters[0]) ? "" : "(?<![\\p{L}\\p{N}_])";
  const after = UNSPACED.test(letters.at(-1) ?? "") ? "" : "(?![\\p{L}\\p{N}_])";
  return before + word.replace(/[\\^$.*+?()[\]{}|/-]/gu, "\\$&") + after;
}
