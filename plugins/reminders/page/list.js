/** The list of one's reminders: those that are due, those that wait, those that are done. */

import { changeTime } from "./asking.js";
import { TEXTS } from "./texts.js";
import { timeText } from "./times.js";

const STATES = ["due", "waiting", "done"];

/** Fills the element with the list, and again when `lists` are told to draw; resolves with what ends it. */
export async function show(page, element, lists, close = () => {}) {
  page.texts(TEXTS);
  const fault = make("p", { className: "failed", role: "alert" });
  const groups = make("div", { className: "reminders-groups" });
  const more = make("button", { type: "button", className: "quiet", textContent: page.t("more"), hidden: true });
  let count = 0; // of rows that are shown
  let asked = 0; // an answer to anything but the last question comes too late

  const draw = async (least) => {
    const question = ++asked;
    const found = [];
    let after = "";
    do {
      const part = await page.call("list", { after });
      found.push(...(await Promise.all(part.reminders.map((each) => withText(page, each)))));
      after = part.after;
    } while (after && found.length < least);
    if (question !== asked) return;
    count = found.length;
    more.hidden = !after;
    const place = [...groups.querySelectorAll("li")].indexOf(document.activeElement?.closest?.(".reminders-list > li"));
    groups.replaceChildren(...(count ? STATES.map((state) => group(page, state, found, attempt, close)).filter(Boolean) : [make("p", { className: "muted", textContent: page.t("none"), tabIndex: -1 })]));
    if (place < 0) return;
    const rows = groups.querySelectorAll("li");
    (rows[Math.min(place, rows.length - 1)]?.querySelector("button") ?? groups.firstChild).focus();
  };
  const attempt = async (action) => {
    fault.textContent = "";
    try {
      await action();
    } catch (refusal) {
      fault.textContent = page.errorText(refusal);
    }
  };
  const again = () => void attempt(() => draw(count));
  more.addEventListener("click", () => void attempt(() => draw(count + 1)));
  await draw(0);
  element.replaceChildren(groups, fault, more);
  lists.add(again);
  return () => lists.delete(again);
}

function group(page, state, reminders, attempt, close) {
  const own = reminders.filter((each) => each.state === state);
  if (own.length === 0) return null;
  const list = make("ul", { className: "reminders-list" }, ...own.map((each) => row(page, each, attempt, close)));
  return make("section", {}, make("h3", { textContent: page.t(state) }), list);
}

/** The reminder with what its message says, as `said`. */
async function withText(page, reminder) {
  const { message } = reminder;
  return { ...reminder, said: message && ((await page.plain(message.body)) || message.data_text) };
}

function row(page, { said: text, ...reminder }, attempt, close) {
  const { id, at, state, note, message, room_name: room } = reminder;
  const time = make("time", { dateTime: at, textContent: timeText(page, new Date(at)), id: `reminder-${state}-${id}` });
  const head = message && make("small", { className: "muted", dir: "auto", textContent: [message.author.name, room].filter(Boolean).join(" · ") });
  const said = message ? make("p", { textContent: text, dir: "auto" }) : make("p", { className: "muted", textContent: page.t("gone") });
  const noted = note && make("p", { className: "reminders-note", textContent: note, dir: "auto" });
  const open = message && make("a", { href: `/m/${id}`, textContent: page.t("show"), onclick: close }); // the page leads there
  const button = (name, action) => make("button", { type: "button", className: "quiet", textContent: page.t(name), onclick: () => void attempt(action) });
  const buttons = [
    open,
    state === "due" && button("finish", () => page.call("change", { message: id, done: true })),
    button({ due: "putOff", waiting: "change", done: "again" }[state], () => changeTime(page, { ...reminder, note: note ?? "" })),
    button("remove", () => page.call("remove", { message: id })),
  ].filter(Boolean);
  for (const each of buttons) each.setAttribute("aria-describedby", time.id);
  return make("li", {}, ...[time, head, noted, said, make("div", { className: "reminders-buttons" }, ...buttons)].filter(Boolean));
}

function make(tag, properties, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}
