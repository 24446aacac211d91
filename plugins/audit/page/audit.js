/** The audit log as a page of the server's settings, for staff alone; what it shows is loaded when it is opened. */

const LABEL = { en: "Audit log", ja: "監査ログ" };

export default function begin(page) {
  page.place("admin.page/v1", { id: "log", label: () => page.said(LABEL), mount: async (element) => (await import("./log.js")).show(page, element) });
}
