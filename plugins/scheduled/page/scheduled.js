/** Sending later: a menu beside the send button, and the list of one's scheduled messages in the settings. */

const LABELS = {
  hour: { en: "Send in an hour", ja: "1 時間後に送信" },
  morning: { en: "Send tomorrow morning", ja: "明日の朝に送信" },
  at: { en: "Send at a time…", ja: "日時を指定して送信…" },
  list: { en: "Scheduled messages", ja: "予約したメッセージ" },
};
const sending = () => import("./sending.js"); // for those who schedule something

export default function begin(page) {
  const label = (id) => () => page.said(LABELS[id]);
  const later = (id, send) => page.place("composer.send/v1", { id, label: label(id), run: async (message) => send(await sending(), message) });
  later("hour", ({ inAnHour, schedule }, message) => schedule(page, message, inAnHour()));
  later("morning", ({ tomorrowMorning, schedule }, message) => schedule(page, message, tomorrowMorning()));
  later("at", ({ scheduleAt }, message) => scheduleAt(page, message));
  page.place("settings.page/v1", { id: "list", label: label("list"), mount: async (element) => (await import("./list.js")).show(page, element) });
}
