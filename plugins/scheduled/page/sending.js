/** Schedules the message that is being written. */

import { TEXTS } from "./texts.js";
import { askTime, dayText, tomorrowMorning } from "./times.js";

export { inAnHour, tomorrowMorning } from "./times.js";

const ADDRESS = "/api/v1/scheduled";

/** Rejects with the reason if the message may not be scheduled. */
export async function schedule(page, { room, text, reply_to: replyTo, data, sent }, at) {
  page.texts(TEXTS);
  if (Object.keys(data).length) throw Object.assign(new Error(page.t("noData")), { code: "scheduled.data" });
  await page.request("POST", ADDRESS, { client_id: freshId(), room, body: text, at: at.toISOString(), reply_to: replyTo });
  sent();
  page.tellDone(page.t("done", { time: dayText(page, at) }));
}

/** Asks for the time. */
export function scheduleAt(page, message) {
  page.texts(TEXTS);
  return askTime(page, { title: page.t("at"), at: tomorrowMorning(), save: ({ at }) => schedule(page, message, at) });
}

function freshId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
