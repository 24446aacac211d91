/** Bots of one's own as a page of the settings, where members may have some; what it shows is loaded when it is opened. */

const LABEL = { en: "Bots", ja: "ボット" };

export default function begin(page) {
  const isMember = page.me()?.role === "member"; // staff has the page of all bots, and guests have none
  if (!isMember) return;
  page.place("settings.page/v1", { id: "own", label: () => page.said(LABEL), mount: async (element) => (await import("./list.js")).show(page, element, "own") });
}
