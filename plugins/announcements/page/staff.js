/** Announcing, as a page of the server's settings; what it shows is loaded when it is opened. */

const LABEL = { en: "Announcement", ja: "お知らせ" };

export default function begin(page) {
  page.place("admin.page/v1", { id: "board", label: () => page.said(LABEL), mount: async (element) => (await import("./board.js")).show(page, element) });
}
