/** Bots of one's own as a page of the settings, where members may have some; what it shows is loaded when it is opened. */

const LABEL = { en: "Bots", ja: "ボット" };

export default function begin(page) {
  let isThere = false;

  /** Who reads may be known later than this begins. Staff has the page of all bots, and guests have none. */
  function look() {
    if (isThere || page.me()?.role !== "member") return;
    isThere = true;
    page.place("settings.page/v1", { id: "own", label: () => page.said(LABEL), mount: async (element) => (await import("./list.js")).show(page, element, "own") });
  }

  look();
  page.hear("known", look); // nothing is told by this name: it is called with each connection
}
