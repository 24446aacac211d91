/** The audit log as a page of the server's settings; what it shows is loaded when it is opened, by staff alone. */

const LABEL = { en: "Audit log", ja: "監査ログ" };

export default function begin(page) {
  page.place("admin.page/v1", { id: "log", label: () => page.said(LABEL), mount: async (element) => (await import("./log.js")).show(page, element) });
}
