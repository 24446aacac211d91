/** Reminders: a list in the settings, an action of each message, and notices of those that are due. */

import { follow } from "./following.js";

const LIST = { en: "Reminders", ja: "リマインダー" };

export default function begin(page) {
  const lists = new Set(); // that are shown: functions that draw them again
  const list = { due: 0, label: () => page.said(LIST), mount: async (element, { close }) => (await import("./list.js")).show(page, element, lists, close) };
  page.place("settings.page/v1", { id: "list", label: () => (list.due ? `${list.label()} (${new Intl.NumberFormat(page.locale()).format(list.due)})` : list.label()), mount: list.mount });
  follow(page, list, lists);
}
