/** When a status ends that was chosen to go after a while. No DOM. */

const MINUTE = 60_000; // ms

/**
 * The time as the server takes it, null for none. `today` ends with the day here, `week` with the coming Sunday, and `day`
 * with the day that is given (as a field of a form has it).
 */
export function endOf(choice, day = "", now = new Date()) {
  if (choice === "half") return after(30 * MINUTE, now);
  if (choice === "hour") return after(60 * MINUTE, now);
  const midnight = (days) => new Date(now.getFullYear(), now.getMonth(), now.getDate() + days + 1).toISOString();
  if (choice === "today") return midnight(0);
  if (choice === "week") return midnight((7 - now.getDay()) % 7);
  if (choice !== "day") return null;
  const [year, month, date] = day.split("-").map(Number);
  return new Date(year, month - 1, date + 1).toISOString();
}

function after(span, now) {
  return new Date(now.getTime() + span).toISOString();
}
