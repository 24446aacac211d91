/** Tables with names, such as the hooks of webhooks: each a form of its own, with a way to add and to remove one. */

import { h } from "../../../lib/dom.js";
import { t } from "../../../lib/i18n.js";
import { addressOf, openFields, typedTable } from "../../../lib/setting-forms.js";
import { copyField } from "../copy-field.js";
import { boundsText, inputHints, SettingField } from "./setting-field.js";
import { changed } from "./setting-inputs.js";

export class TablesInput {
  isOne = false;
  /** @type {HTMLElement | null} */
  beside = null;
  #form;
  #about;
  #tables = h("ul", { class: "setting-tables" });
  #name;
  #add;
  #fault = h("span", { class: "field-error", role: "alert" });
  #made = 0; // tables, for ids

  /**
   * `secrets` has what may be shown of those that are set, `current` what is in use; both by name and key. Each of the latter
   * is served at `address` with its name, if there is one. `api` finds rooms.
   */
  constructor(form, value, { id, label, secrets, current, address, api }) {
    this.#form = form;
    this.#about = { id, secrets, current, address, api };
    this.#name = h("input", { id: `${id}-new`, type: "text", maxlength: 64, dir: "auto", autocomplete: "off", autocapitalize: "none", spellcheck: "false" });
    this.#name.onkeydown = (event) => {
      if (event.key !== "Enter" || event.isComposing) return;
      event.preventDefault(); // which would send the form
      this.#added();
    };
    this.#name.oninput = (event) => event.stopPropagation(); // nothing has changed yet
    this.#add = h("button", { class: "quiet", type: "button", "data-testid": "setting-add", onclick: () => this.#added() }, t("setting.add"));
    const isOurs = form.fields.every((field) => !(field.is_required && field.is_of_operator));
    this.node = h(
      "div",
      { id, class: "stack setting-parts", role: "group", "aria-label": label },
      this.#tables,
      isOurs
        ? h("div", { class: "setting-new" }, h("label", { for: this.#name.id }, t("setting.newName")), this.#name, this.#add, this.#fault)
        : h("small", { class: "muted" }, t("setting.operatorAdds")),
    );
    this.show(value);
  }

  get given() {
    return this.#shown().map(({ name, fields }) => [name, Object.fromEntries(fields.map((field) => [field.setting.key, field.given]))]);
  }

  show(value) {
    this.#tables.replaceChildren(...value.map(([name, given]) => this.#table(name, given)));
  }

  focus() {
    const wrong = /** @type {HTMLElement | null} */ (this.node.querySelector("[aria-invalid], .is-wrong > summary"));
    const summary = /** @type {HTMLElement | null} */ (this.node.querySelector("summary"));
    (wrong ?? (this.#name.isConnected ? this.#name : summary))?.focus();
  }

  complain(problems, why) {
    this.#fault.textContent = "";
    this.#name.removeAttribute("aria-invalid");
    for (const { name, fields, fault, node } of this.#shown()) {
      const own = problems.filter(({ entry }) => entry === name);
      for (const field of fields) field.complain(own.filter(({ field: key }) => key === field.setting.key).map(({ entry: _, ...problem }) => problem));
      const known = new Set(fields.map((field) => field.setting.key));
      fault.textContent = own.filter(({ field }) => !known.has(field)).map((problem) => why(problem, this.#form)).join(" ");
      node.classList.toggle("is-wrong", fault.textContent !== "");
      if (own.length > 0) node.open = true;
    }
  }

  #shown() {
    return [...this.#tables.children].map((each) => each.parts);
  }

  #table(name, given) {
    const { id, secrets, current, address, api } = this.#about;
    const own = `${id}-${(this.#made += 1)}`;
    const set = secrets[name] ?? {};
    const fields = openFields(this.#form).map(
      (field) => new SettingField(field, { id: `${own}-${field.key}`, value: given[field.key], api, hints: [...inputHints(field, field.key in set), ...shownSecret(set[field.key])] }),
    );
    const fixed = this.#form.fields.filter((field) => field.is_of_operator && !isUsual(current[name]?.[field.key], field));
    const fault = h("p", { class: "field-error", role: "alert", "data-fault": name });
    const remove = h("button", { class: "quiet", type: "button", "data-testid": "setting-remove", "aria-label": t("setting.remove", { name }), onclick: () => this.#removed(item) }, t("setting.removeIt"));
    const node = h(
      "details",
      {},
      h("summary", {}, h("code", { dir: "auto" }, name)),
      h("div", { class: "stack setting-table" }, fault, Boolean(address && current[name]) && addressField(address, name), ...fields.map((field) => field.node), ...fixed.map((field) => fixedLine(field, current[name][field.key])), h("div", {}, remove)),
    );
    const item = Object.assign(h("li", { "data-table": name }, node), { parts: { name, fields, fault, node } });
    return item;
  }

  #added() {
    const name = this.#name.value.trim();
    const wrong = this.#wrongName(name);
    this.#fault.textContent = wrong;
    if (wrong) {
      this.#name.setAttribute("aria-invalid", "true");
      this.#name.focus();
      return;
    }
    this.#name.removeAttribute("aria-invalid");
    this.#name.value = "";
    const item = this.#table(name, typedTable(this.#form));
    this.#tables.append(item);
    item.parts.node.open = true;
    item.parts.fields[0]?.input.focus();
    changed(this.node);
  }

  #wrongName(name) {
    if (this.#shown().some((each) => each.name === name)) return t("setting.why.taken");
    return name !== "" && matches(name, this.#form.names.pattern) ? "" : [t("setting.why.name"), boundsText(this.#form.names)].filter(Boolean).join(" ");
  }

  #removed(item) {
    const next = item.nextElementSibling ?? item.previousElementSibling;
    item.remove();
    const summary = /** @type {HTMLElement | undefined} */ (next?.querySelector("summary"));
    if (summary) summary.focus();
    else this.focus();
    changed(this.node);
  }
}

/** The address at which a table with a name is served, to be copied. */
export function addressField(address, name) {
  const label = t("setting.address", { name });
  return h("div", {}, h("small", { class: "muted" }, label), copyField({ value: addressOf(address, name, location.href), label, testid: "setting-address" }));
}

/** A pattern in a notation that browsers do not know is left to the server. */
function matches(name, pattern = "") {
  try {
    return new RegExp(pattern, "u").test(name);
  } catch {
    return true;
  }
}

/** What may be seen of a secret: an address without what is secret in it. */
function shownSecret(text) {
  return text && text !== "***" ? [t("setting.now", { text })] : [];
}

function isUsual(value, { default: usual }) {
  return value === undefined || JSON.stringify(value) === JSON.stringify(usual);
}

function fixedLine(field, value) {
  const text = Array.isArray(value) ? value.join(", ") : String(value);
  return h("p", { class: "muted" }, t("setting.ofOperator", { key: field.key, value: text }));
}
