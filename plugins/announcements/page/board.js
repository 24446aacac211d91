/** What stands, and a form that announces something else in its place. */

import { TEXTS } from "./texts.js";

const ADDRESS = "/api/v1/announcement";
const MOST = 500; // characters
const sheet = Object.assign(document.createElement("link"), { rel: "stylesheet", href: new URL("./announcements.css", import.meta.url).href });

/** Fills the element; returns what ends it, or rejects if the announcement cannot be read. */
export async function show(page, element) {
  page.texts(TEXTS);
  document.head.append(sheet);
  const text = make("textarea", { name: "text", rows: 3, maxLength: MOST, required: true, dir: "auto" });
  const tone = make("select", { name: "tone" }, ...["info", "warning"].map((value) => make("option", { value, textContent: page.t(value) })));
  const until = make("input", { name: "until", type: "datetime-local" });
  const announce = make("button", { className: "primary", textContent: page.t("announce") });
  const remove = make("button", { type: "button", className: "quiet", textContent: page.t("remove") });
  const state = make("p", { className: "muted" });
  const fault = make("p", { className: "failed" });
  state.setAttribute("role", "status");
  fault.setAttribute("role", "alert");
  const form = make(
    "form",
    { className: "announcing" },
    labelled(page.t("text"), text),
    labelled(page.t("tone"), tone),
    labelled(page.t("until"), until),
    make("div", { className: "announcing-buttons" }, announce, remove),
  );

  async function attempt(action) {
    fault.textContent = "";
    try {
      tell(await action());
    } catch (error) {
      fault.textContent = page.errorText(error);
    }
  }

  function tell(announcement) {
    remove.hidden = !announcement;
    const end = announcement?.until && timeText(page, announcement.until);
    state.textContent = page.t(announcement ? (end ? "standsUntil" : "stands") : "none", { time: end });
  }

  /** Begins with what stands. What another admin announces later leaves alone what is being written here. */
  async function read() {
    const { announcement } = await page.request("GET", ADDRESS);
    tell(announcement);
    if (!announcement) return;
    text.value = announcement.text;
    tone.value = announcement.tone;
    until.value = announcement.until ? localTime(new Date(announcement.until)) : "";
  }

  form.onsubmit = (event) => {
    event.preventDefault();
    const end = until.value ? new Date(until.value).toISOString() : null;
    void attempt(async () => (await page.request("PUT", ADDRESS, { text: text.value, tone: tone.value, until: end })).announcement);
  };
  remove.onclick = () =>
    void attempt(async () => {
      await page.request("DELETE", ADDRESS);
      form.reset();
      text.focus();
      return null;
    });
  await read();
  element.append(make("p", { className: "muted", textContent: page.t("lead") }), form, fault, state);
  return page.hear("changed", ({ payload }) => payload && tell(payload.announcement));
}

function labelled(label, field) {
  return make("label", { className: "field" }, make("span", { textContent: label }), field);
}

/** As a field for a time has it, in the time zone of the reader. */
function localTime(at) {
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

function timeText(page, at) {
  return new Intl.DateTimeFormat(page.locale(), { dateStyle: "medium", timeStyle: "short" }).format(new Date(at));
}

function make(tag, properties, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}
