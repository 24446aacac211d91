/**
 * The inputs of settings. Each has `node`, what was typed as `given`, `show(typed)` and `focus()`; `isOne` says that a
 * label can point to it, `beside` what stands below it. Those of several parts take problems with them by `complain()`.
 * All fire `input` events.
 */

import { h, ICONS, icon } from "../../../lib/dom.js";
import { t } from "../../../lib/i18n.js";

/** The input of a value without parts. */
export class PlainInput {
  isOne = true;
  /** @type {HTMLElement | null} */
  beside = null;

  constructor(form, value, { id, key, isSecret }) {
    this.node = plain(form, value, { id, key, isSecret });
  }

  get given() {
    return this.node.type === "checkbox" ? this.node.checked : this.node.value;
  }

  show(value) {
    if (this.node.type === "checkbox") this.node.checked = value;
    else this.node.value = value;
  }

  focus() {
    this.node.focus();
  }

  complain() {} // it has no parts
}

function plain(form, value, { id, key, isSecret }) {
  const text = { id, name: key, dir: "auto", autocomplete: "off", autocapitalize: "none", spellcheck: "false" };
  if (isSecret && !key.endsWith("uri")) return h("input", { ...text, type: "password", autocomplete: "new-password" });
  switch (form.kind) {
    case "boolean":
      return h("input", { id, name: key, type: "checkbox", checked: value });
    case "choice": {
      const choices = form.is_optional || value === "" ? ["", ...form.choices] : form.choices;
      return h("select", { id, name: key }, ...choices.map((choice) => h("option", { value: choice, selected: choice === value }, choice || t("setting.empty"))));
    }
    case "list":
      return area(text, value, 3);
    case "integer":
    case "number":
      return h("input", { id, name: key, type: "number", step: form.kind === "integer" ? 1 : "any", min: form.minimum ?? form.above, max: form.maximum ?? form.below, value });
    default:
      return value.includes("\n") ? area(text, value, 3) : h("input", { ...text, type: "text", value });
  }
}

function area(attributes, value, rows) {
  const node = h("textarea", { ...attributes, rows: Math.min(12, Math.max(rows, value.split("\n").length)) });
  node.value = value;
  return node;
}

/** Names with values, one pair a row. */
export class MapInput {
  isOne = false;
  /** @type {HTMLElement | null} */
  beside = null;
  #form;
  #id;
  #rows = h("ul", { class: "setting-rows" });
  #add;
  #made = 0; // rows, for ids

  constructor(form, value, { id, label }) {
    this.#form = form;
    this.#id = id;
    this.#add = h("button", { class: "quiet", type: "button", "data-testid": "setting-add", onclick: () => this.#added() }, t("setting.addRow"));
    this.node = h("div", { id, class: "stack setting-parts", role: "group", "aria-label": label }, this.#rows, h("div", {}, this.#add));
    this.show(value);
  }

  get given() {
    return this.#inputs().map(({ name, value }) => [name.value.trim(), value.given]);
  }

  show(value) {
    this.#rows.replaceChildren(...value.map((pair) => this.#row(pair)));
  }

  focus() {
    const wrong = /** @type {HTMLElement | null} */ (this.#rows.querySelector("[aria-invalid]"));
    (wrong ?? this.#add).focus();
  }

  complain(problems, why) {
    const rows = this.#inputs();
    for (const { name, value, fault } of rows) {
      fault.textContent = "";
      for (const node of [name, value.node]) node.removeAttribute("aria-invalid");
    }
    for (const { row, field, reason } of problems) {
      const { name, value, fault } = rows[row];
      (field === "name" ? name : value.node).setAttribute("aria-invalid", "true");
      fault.textContent = why({ reason }, field === "name" ? this.#form.names : this.#form.values);
    }
  }

  #inputs() {
    return [...this.#rows.children].map((row) => row.parts);
  }

  #row([given, text]) {
    const id = `${this.#id}-${(this.#made += 1)}`;
    const fault = h("span", { id: `${id}-fault`, class: "field-error", role: "alert" });
    const name = h("input", { type: "text", value: given, dir: "auto", autocomplete: "off", autocapitalize: "none", spellcheck: "false", "aria-label": t("setting.name"), "aria-describedby": fault.id });
    const value = new PlainInput(this.#form.values, text, { id, key: "value", isSecret: false });
    value.node.setAttribute("aria-label", t("setting.value"));
    value.node.setAttribute("aria-describedby", fault.id);
    const remove = h("button", { class: "round", type: "button", "aria-label": t("setting.remove", { name: given }), "data-testid": "setting-remove" }, icon(ICONS.close));
    remove.onclick = () => {
      const next = row.nextElementSibling ?? row.previousElementSibling;
      row.remove();
      /** @type {HTMLElement} */ (next?.querySelector("input") ?? this.#add).focus();
      changed(this.node);
    };
    name.oninput = () => remove.setAttribute("aria-label", t("setting.remove", { name: name.value }));
    const row = Object.assign(h("li", {}, name, value.node, remove, fault), { parts: { name, value, fault } });
    return row;
  }

  #added() {
    const { values } = this.#form;
    const row = this.#row(["", values.kind === "boolean" ? false : ""]);
    this.#rows.append(row);
    row.parts.name.focus();
    changed(this.node);
  }
}

/** Tells the form that something was added or removed, as typing does. */
export function changed(node) {
  node.dispatchEvent(new Event("input", { bubbles: true }));
}
