/** Invitations as a page of the server's settings; what it shows is loaded when it is opened, by staff alone. */

const LABEL = { en: "Invitations", ja: "招待" };

export default function begin(page) {
  page.place("admin.page/v1", { id: "list", label: () => page.said(LABEL), mount: async (element) => (await import("./list.js")).show(page, element) });
}
