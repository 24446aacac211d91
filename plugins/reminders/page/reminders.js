/** Reminders: a list in the settings; what else there is comes later, as the first messages do not wait for it. */

const LIST = { en: "Reminders", ja: "リマインダー" };
const LATER_MS = 3_000;
const AGAIN_MS = 60_000; // without a network

export default function begin(page) {
  const lists = new Set(); // that are shown: functions that draw them again
  const list = { due: 0, label: () => page.said(LIST), mount: async (element, { close }) => (await import("./list.js")).show(page, element, lists, close) };
  const follow = (after) => setTimeout(() => import("./following.js").then(({ begin: start }) => start(page, list, lists), () => follow(AGAIN_MS)), after);
  page.place("settings.page/v1", { id: "list", label: () => (list.due ? `${list.label()} (${new Intl.NumberFormat(page.locale()).format(list.due)})` : list.label()), mount: list.mount });
  follow(LATER_MS);
}
