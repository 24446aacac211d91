/** The end of one's own account, in the settings beside the ways to sign in. */

import { TEXTS } from "./texts.js";

const PATH = "/api/v1/me/deletion";

export default function begin(page) {
  page.texts(TEXTS);
  page.place("account.parts/v1", { id: "end", label: () => page.t("title"), mount: (element, { attempt }) => show(page, element, attempt) });
}

async function show(page, element, attempt) {
  draw(page, element, attempt, await page.request("GET", PATH));
}

/** Draws what the server says of the deletion. `attempt` shows refusals, and lets the person confirm. */
function draw(page, element, attempt, deletion) {
  const change = (method, body) => attempt(async () => draw(page, element, attempt, await page.request(method, PATH, body)));
  element.replaceChildren(...(deletion.at ? coming(page, deletion, change) : offer(page, deletion, change)));
}

function coming(page, { at }, change) {
  const time = new Intl.DateTimeFormat(page.locale(), { dateStyle: "full", timeStyle: "short" }).format(new Date(at));
  const said = make("p", { textContent: page.t("coming", { time }), role: "status", testid: "deletion-coming" });
  const keep = make("button", { type: "button", className: "primary", textContent: page.t("keep"), onclick: () => void change("DELETE"), testid: "deletion-keep" });
  return [said, make("div", {}, keep)];
}

function offer(page, { seconds }, change) {
  const days = Math.round(seconds / 86_400);
  const lead = make("p", { className: "muted", textContent: page.t("lead") });
  const when = make("p", { className: "muted", textContent: page.t(days > 1 ? "after" : days ? "after.one" : "atOnce", { days: String(days) }) });
  const name = make("input", { name: "username", required: true, autocomplete: "off", autocapitalize: "off", spellcheck: false, dir: "auto", maxLength: 64, testid: "deletion-name" });
  const onsubmit = (event) => {
    event.preventDefault();
    void change("POST", { username: name.value.trim() });
  };
  const send = make("button", { type: "submit", className: "danger", textContent: page.t("delete"), testid: "deletion-delete" });
  const form = make("form", { className: "stack", hidden: true, onsubmit, testid: "deletion-form" }, make("label", { className: "field" }, make("span", { textContent: page.t("name") }), name), make("div", {}, send));
  const open = () => {
    form.hidden = false;
    begin.hidden = true;
    name.focus();
  };
  const begin = make("button", { type: "button", className: "quiet", textContent: page.t("open"), onclick: open, testid: "deletion-open" });
  return [lead, when, make("div", {}, begin), form];
}

function make(tag, { testid = "", ...fields }, ...children) {
  const element = Object.assign(document.createElement(tag), fields);
  if (testid) element.dataset.testid = testid;
  element.append(...children);
  return element;
}
