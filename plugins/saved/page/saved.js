/** Saved messages: a list in the settings, and an action of each message. */

import { offer } from "./action.js";

const LIST = { en: "Saved messages", ja: "保存したメッセージ" };

export default function begin(page) {
  const lists = new Set(); // that are shown: functions that draw them again
  page.place("settings.page/v1", { id: "list", label: () => page.said(LIST), mount: async (element) => (await import("./list.js")).show(page, element, lists) });
  offer(page, lists);
}
