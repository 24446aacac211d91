/** All bots as a page of the server's settings; what it shows is loaded when it is opened. */

const LABEL = { en: "Bots", ja: "ボット" };

export default function begin(page) {
  page.place("admin.page/v1", { id: "list", label: () => page.said(LABEL), mount: async (element) => (await import("./list.js")).show(page, element, "all") });
}
