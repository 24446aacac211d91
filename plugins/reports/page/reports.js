/** Reporting a message, and the queue for those who moderate; what they need is loaded when it is wanted. */

const REPORT = { en: "Report message", ja: "メッセージを報告" };
const REPORTS = { en: "Reports", ja: "報告" };
const FLAG = "M6 21V4h11l-2 4 2 4H6";
const WATCH_MS = 20_000; // a page that begins on a slow network has more urgent work

export default function begin(page) {
  let open = 0;
  const label = () => page.said(REPORTS);
  const queue = async (element, about) => (await import("./queue.js")).show(page, element, about);
  const watch = async () => (await import("./watch.js")).watch(page, told);
  const told = (count) => {
    open = count;
    page.relabel();
  };
  page.place("message.actions/v1", {
    id: "report",
    label: () => page.said(REPORT),
    icon: FLAG,
    when: { own: false, archived: true },
    run: async ({ message }) => (await import("./dialog.js")).askReport(page, message),
  });
  page.place("room.settings/v1", { id: "room", label, when: { moderates: true }, mount: (element, { room }) => queue(element, { room }) });
  page.place("admin.page/v1", { id: "queue", label: () => (open ? `${label()} (${open})` : label()), mount: (element) => queue(element, { told }) });
  setTimeout(() => void watch(), WATCH_MS);
}
