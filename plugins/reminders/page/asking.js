/** Asks when to remind of a message. */

import { TEXTS } from "./texts.js";
import { choices, localText, morning, timeText } from "./times.js";

const NOTE_CHARS = 200;

// Wanted by the dialog and the list alone, not when the page begins.
const sheet = Object.assign(document.createElement("link"), { rel: "stylesheet", href: new URL("./reminders.css", import.meta.url).href });
document.head.append(sheet);

/** Reminds of a message, with a note if somebody writes one. */
export async function remind(page, id) {
  page.texts(TEXTS);
  const at = await ask(page, { title: page.t("remind"), note: "", save: (given) => page.call("set", { message: id, ...given }) });
  if (at) page.tellDone(`${page.t("set")}: ${timeText(page, at)}`);
}

/** Gives a reminder another time; with a `note`, asks for that as well. */
export function changeTime(page, { id, at, note = null }) {
  page.texts(TEXTS);
  return ask(page, { title: page.t("changeOne"), at: new Date(at), note, save: (given) => page.call("change", { message: id, ...given }) });
}

/**
 * `save({at, note})` may reject; its reason is shown and the dialog stays. Resolves with the time that was saved, or null.
 */
function ask(page, { title, at = null, note, save }) {
  const dialog = make("dialog", { className: "dialog reminders-dialog", ariaLabel: title });
  const other = make("input", { type: "datetime-local", ariaLabel: page.t("time"), value: localText(at && at > new Date() ? at : morning(new Date(), 1)) });
  const rows = choices().map(([name, time], place) => choice(name, place === 0, page.t(name), make("small", { className: "muted", textContent: timeText(page, time) })));
  const last = choice("other", false, page.t("other"));
  last.append(other);
  other.addEventListener("input", () => (last.querySelector("input").checked = true));
  const text = make("input", { type: "text", value: note ?? "", maxLength: NOTE_CHARS, dir: "auto" });
  const noted = make("label", { className: "field", hidden: note === null }, make("span", { textContent: page.t("note") }), text);
  const fault = make("p", { className: "failed", role: "alert" });
  const close = make("button", { type: "button", className: "quiet", textContent: page.t("close"), onclick: () => dialog.close() });
  const buttons = make("div", { className: "dialog-buttons" }, close, make("button", { className: "primary", textContent: page.t("save") }));
  const group = make("fieldset", {}, make("legend", { textContent: page.t("when") }), ...rows, last);
  const form = make("form", {}, make("h2", { textContent: title }), group, noted, fault, buttons);
  dialog.append(form);

  return new Promise((resolve) => {
    let saved = null;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const chosen = new FormData(form).get("reminders-when");
      const time = chosen === "other" ? new Date(other.value) : choices().find(([name]) => name === chosen)?.[1];
      try {
        if (!(time?.getTime() > 0)) throw Object.assign(new Error(page.t("noTime")), { code: "reminders.time" });
        await save({ at: time.toISOString(), ...(note === null ? {} : { note: text.value.trim() }) });
        saved = time;
        dialog.close();
      } catch (error) {
        fault.textContent = page.errorText(error);
      }
    });
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(saved);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

function choice(value, checked, said, ...details) {
  const radio = make("input", { type: "radio", name: "reminders-when", value, checked });
  const label = make("label", {}, radio, make("span", { textContent: said }), ...details);
  return make("div", { className: "reminders-choice" }, label);
}

function make(tag, properties, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}
