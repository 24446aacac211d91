/** Knows which messages have a reminder, tells of those that are due, and offers reminders with the actions of messages. */

import { TEXTS } from "./texts.js";

const asking = () => import("./asking.js"); // for those who set a reminder
const CLOCK = "M12 6a7.5 7.5 0 1 0 0 15 7.5 7.5 0 0 0 0-15zM12 10v4l2.5 1.5M6 3 3 6M18 3l3 3";
const TOLD = "reminders.told"; // in localStorage: the time of the last one of which somebody was told here

/** `list` has the number of those that are due, and draws the list; `lists` are told of each change. */
export function follow(page, list, lists) {
  page.texts(TEXTS);
  const known = new Map(); // {at, state} by id of the message
  let changes = 0; // that were told: an answer that was under way meanwhile may be older
  let count = null; // shows a number at the button
  let hasButton = false;

  function draw() {
    list.due = [...known.values()].filter(({ state }) => state === "due").length;
    if (list.due && !hasButton) {
      hasButton = true; // and keeps it, as it may have the focus
      page.place("side.panels/v1", { id: "due", label: list.label, icon: CLOCK, count: showCount, mount: list.mount });
    }
    count?.(list.due);
    page.relabel();
    for (const again of lists) again();
  }

  function showCount(show) {
    count = show;
    show(list.due);
  }

  async function ask() {
    for (;;) {
      const before = ++changes;
      const { reminders } = await page.call("ids");
      if (before !== changes) continue;
      known.clear();
      for (const { id, at, state } of reminders) known.set(id, { at, state });
      return;
    }
  }

  async function onChange({ missed, payload }) {
    if (missed) {
      await ask();
      draw();
      const news = [...known].filter(([, { at, state }]) => state === "due" && at > told());
      await tell(page, news.map(([id]) => id));
      for (const [, { at }] of news) note(at);
      return;
    }
    const { message, state, at } = payload;
    changes++;
    if (state === null) known.delete(message);
    else known.set(message, { at, state });
    draw();
    if (state !== "due") return;
    note(at);
    await tell(page, [message]);
  }

  page.hear("changed", (change) => onChange(change).catch(() => {})); // asked again with the next connection
  const isSet = ({ id }) => ["due", "waiting"].includes(known.get(id)?.state);
  page.place("message.actions/v1", {
    id: "remind",
    label: ({ message }) => page.t(isSet(message) ? "changeOne" : "remind"),
    icon: CLOCK,
    when: { archived: true },
    run: async ({ message }) => {
      const { changeTime, remind } = await asking();
      return isSet(message) ? changeTime(page, { id: message.id, at: known.get(message.id).at }) : remind(page, message.id);
    },
  });
}

/** Tells of what is due: of one what it says, if the reader may still read it; of several how many they are. */
async function tell(page, ids) {
  if (ids.length === 0) return;
  if (ids.length > 1) return page.notify({ title: page.t("dueMany", { count: new Intl.NumberFormat(page.locale()).format(ids.length) }) });
  const { reminders } = await page.call("list"); // the last that came due are the first
  const found = reminders.find(({ id }) => id === ids[0]);
  if (!found) return undefined; // dealt with on another device
  const { message, note: noted } = found;
  const said = message ? `${message.author.name}: ${(await page.plain(message.body)) || message.data_text || ""}` : page.t("gone");
  const place = message && page.room(message.room) ? { room: message.room, seq: message.seq } : {};
  return page.notify({ title: noted ? `${page.t("dueOne")}: ${noted}` : page.t("dueOne"), body: said, ...place });
}

function told() {
  try {
    return localStorage.getItem(TOLD) ?? "";
  } catch {
    return ""; // a browser that keeps nothing tells with each start
  }
}

function note(at) {
  try {
    if (at > told()) localStorage.setItem(TOLD, at);
  } catch {
    // It is told again with the next start.
  }
}
