/** Times of which to choose one, in the reader's own zone. */

const MORNING = 9; // o'clock
const MINUTE_MS = 60_000;
const MONDAY = 1;

/** `[name, time]` of each. Next Monday is left out where it is tomorrow. */
export function choices(now = new Date()) {
  const after = (minutes) => new Date(now.getTime() + minutes * MINUTE_MS);
  const days = (MONDAY - now.getDay() + 7) % 7 || 7;
  const tomorrow = morning(now, 1);
  const found = [["minutes", after(20)], ["hour", after(60)], ["hours", after(180)], ["tomorrow", tomorrow]];
  return days === 1 ? found : [...found, ["monday", morning(now, days)]];
}

export function morning(now, days) {
  return new Date(now.getFullYear(), now.getMonth(), now.getDate() + days, MORNING);
}

export function timeText(page, at) {
  return new Intl.DateTimeFormat(page.locale(), { dateStyle: "full", timeStyle: "short" }).format(at);
}

/** The value of an input for a local time, to the minute. */
export function localText(at) {
  const shifted = new Date(at.getTime() - at.getTimezoneOffset() * MINUTE_MS);
  return shifted.toISOString().slice(0, 16);
}
