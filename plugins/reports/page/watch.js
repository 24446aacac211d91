/** What has become of one's reports, and how many wait, for those who moderate: asked when the server tells of it. */

import { TEXTS } from "./texts.js";

let isWaiting = true; // for a report of the reader's to be looked at; from earlier days, too

/** A report was made: its end is to be told. */
export function expect() {
  isWaiting = true;
}

/** `told(count)` is called when another number of reports waits for staff. */
export function watch(page, told) {
  page.texts(TEXTS);
  /** @type {number | null} */
  let open = null; // not known yet: those that waited before are in the name of the page, and no news

  async function count() {
    const before = open;
    open = (await page.request("GET", "/api/v1/reports/count")).open;
    if (open !== before) told(open);
    if (before !== null && open > before) await page.notify({ title: page.t("reports"), body: page.t("waiting", { count: open }) });
  }

  async function thank() {
    const { reports } = await page.call("seen");
    if (reports.length) await page.notify({ title: page.t("lookedAt"), body: page.t("lookedAtMore") });
    isWaiting = (await page.call("own")).reports.some(({ state }) => state === "open");
  }

  const lookAtOwn = () => thank().catch(() => {});
  const lookAtAll = () => ["owner", "admin"].includes(page.me()?.role) && count().catch(() => {});

  /** In a room that I moderate. */
  async function tellOf({ room }) {
    const { open: waiting } = await page.request("GET", `/api/v1/reports/count?${new URLSearchParams({ room })}`);
    if (waiting) await page.notify({ title: page.t("reports"), body: page.t("waiting", { count: waiting }), room });
  }

  page.hear("room", ({ payload }) => payload && tellOf(payload).catch(() => {}));
  page.hear("settled", ({ missed }) => (isWaiting || !missed) && lookAtOwn());
  page.hear("queue", lookAtAll);
}
