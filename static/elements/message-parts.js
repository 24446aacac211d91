/** The interactive parts of a message: texts, buttons, menus, forms. What is done with them goes to their plugin. */

import { h } from "../lib/dom.js";
import { said, t } from "../lib/i18n.js";
import { tellError } from "./toasts.js";

/** A node, or null if there is nothing to show. */
export function messageParts(message, session) {
  const given = message.data?.parts?.items;
  const items = Array.isArray(given) ? given : [];
  if (!items.length && !message.note) return null;
  const use = (part, values = {}) =>
    session.interact(message.room, message.id, part, values).catch(tellError);
  const nodes = items.map((item) => MAKERS[item.kind]?.(item, use)).filter(Boolean);
  return h("div", { class: "parts", "data-testid": "parts" }, ...nodes, note(message));
}

const MAKERS = {
  text: ({ text }) => h("p", { dir: "auto" }, said(text)),
  button: ({ id, label, style = "default" }, use) =>
    h("button", { type: "button", class: `part ${style}`, dir: "auto", "data-part": id, onclick: () => void use(id) }, said(label)),
  menu,
  form,
};

/** An answer to me alone, until the page is loaded again. */
function note({ note: text }) {
  return text && h("p", { class: "muted", role: "status", dir: "auto", "data-testid": "note" }, text);
}

function menu({ id, label, options, most = 1 }, use) {
  const select = h("select", { multiple: most > 1, "data-part": id }, most === 1 && h("option", { value: "" }, ""), ...options.map(option));
  if (most === 1) {
    select.addEventListener("change", () => select.value && void use(id, { [id]: [select.value] }));
    return h("label", { dir: "auto" }, `${said(label)} `, select);
  }
  const send = () => use(id, { [id]: [...select.selectedOptions].map(({ value }) => value) });
  const done = h("button", { type: "button", class: "part", onclick: () => void send() }, t("message.send"));
  return h("div", {}, h("label", { dir: "auto" }, `${said(label)} `, select), done);
}

function option({ id, label }) {
  return h("option", { value: id }, said(label));
}

function form({ id, label, fields }, use) {
  const inputs = new Map(fields.map((field) => [field.id, input(field, `${id}/${field.id}`)]));
  const onsubmit = (event) => {
    event.preventDefault();
    const filled = [...inputs].filter(([, { value }]) => value !== "").map(([name, { value }]) => [name, [value]]);
    void use(id, Object.fromEntries(filled));
  };
  const rows = fields.map((field) => h("label", { dir: "auto" }, `${said(field.label)} `, inputs.get(field.id)));
  return h("form", { onsubmit }, ...rows, h("button", { type: "submit", class: "part", "data-part": id }, said(label)));
}

function input({ options = [], lines = "one", required = false, max_chars: most = 200 }, place) {
  const attributes = { required, "data-part": place, "data-typed": true };
  if (options.length) return h("select", attributes, h("option", { value: "" }, ""), ...options.map(option));
  return h(lines === "many" ? "textarea" : "input", { ...attributes, maxlength: String(most), dir: "auto" });
}

/** Gives the new row of a message what was typed in the old one. Returns what is to get the focus there, or null. */
export function carryOver(before, after) {
  const twin = ({ dataset }) => after.querySelector(`[data-part="${CSS.escape(dataset.part)}"]`);
  for (const field of before.querySelectorAll("[data-typed]")) {
    const same = twin(field);
    if (same) same.value = field.value;
  }
  const focused = before.querySelector("[data-part]:focus");
  return focused && twin(focused);
}
