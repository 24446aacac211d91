/** Saved messages: a list in the settings, and an action of each message, for which the first messages do not wait. */

const LIST = { en: "Saved messages", ja: "保存したメッセージ" };
const LATER_MS = 3_000;
const AGAIN_MS = 60_000; // without a network

export default function begin(page) {
  const lists = new Set(); // that are shown: functions that draw them again
  const act = (after) => setTimeout(() => import("./action.js").then(({ offer }) => offer(page, lists), () => act(AGAIN_MS)), after);
  page.place("settings.page/v1", { id: "list", label: () => page.said(LIST), mount: async (element) => (await import("./list.js")).show(page, element, lists) });
  act(LATER_MS);
}
