/** The settings of one plugin as a form that is made from their schema, for owners of the server. */

import { h } from "../../../lib/dom.js";
import { currentLanguage, errorText, said, t, unitName } from "../../../lib/i18n.js";
import { bounds, changes, isOpen, same, typed } from "../../../lib/setting-forms.js";

let forms = 0; // that were made, for ids

/** Reads the settings and draws the form when `open()` is called. `attempts` lets the person confirm. */
export function pluginSettings({ api, name, attempts }) {
  const prefix = `plugin-settings-${(forms += 1)}`;
  const state = h("p", { class: "muted", role: "status" });
  const fault = h("p", { class: "form-error", role: "alert", "data-testid": "settings-error" });
  const told = h("div", { class: "muted", role: "status", "data-testid": "settings-done" });
  const place = h("div", { class: "stack" });
  const save = h("button", { class: "primary", hidden: true, "data-testid": "settings-save" }, t("settings.save"));
  const node = h(
    "form",
    { class: "stack", method: "post", novalidate: true, "data-testid": `settings-of-${name}`, onsubmit: (event) => void submit(event) },
    state,
    place,
    fault,
    told,
    h("div", {}, save),
  );
  let fields = [];
  let isSaving = false;

  async function open() {
    state.textContent = t("list.loading");
    try {
      draw(await api.pluginSettings(name));
      state.textContent = "";
    } catch (error) {
      state.textContent = "";
      fault.textContent = errorText(error);
    }
  }

  function draw({ settings, fixed }) {
    const locked = fixed !== "";
    fields = settings.map((setting) => new Field(setting, { name, id: `${prefix}-${setting.key}`, locked }));
    const groups = ["plugin", "failure"].map((group) => ({ group, found: fields.filter((field) => field.setting.group === group) }));
    const lead = settings.length === 0 ? t("admin.noSettings") : locked ? t(`setting.locked.${fixed}`) : t("setting.lead");
    place.replaceChildren(
      h("p", { class: "muted", "data-testid": "settings-lead" }, lead),
      ...groups
        .filter(({ found }) => found.length > 0)
        .map(({ group, found }) => h("fieldset", { class: "settings-group" }, h("legend", {}, t(`setting.group.${group}`)), ...found.map((field) => field.node))),
    );
    save.hidden = !fields.some(({ control }) => control);
  }

  async function submit(event) {
    event.preventDefault();
    fault.textContent = "";
    told.replaceChildren();
    for (const field of fields) field.complain("");
    const { settings, reset, wrong } = changes(fields.filter(({ control }) => control));
    if (wrong.length > 0) {
      complain(wrong.map((setting) => ({ setting, reason: "value" })));
      return;
    }
    if (Object.keys(settings).length + reset.length === 0) {
      told.textContent = t("setting.nothing");
      return;
    }
    if (isSaving) return;
    isSaving = true; // a button that is disabled would lose the focus
    try {
      await attempts.run(() => change(settings, reset), "", refused);
    } finally {
      isSaving = false;
    }
  }

  async function change(settings, reset) {
    const outcome = await api.changePluginSettings(name, settings, reset);
    draw(await api.pluginSettings(name));
    const labels = fields.filter(({ setting }) => outcome.changed.includes(setting.key)).map(({ label }) => label);
    told.replaceChildren(...lines(outcome, labels.join(", ")).map((line) => h("p", {}, line)));
  }

  function refused(error) {
    if (error.detail?.problems) complain(error.detail.problems);
    else fault.textContent = errorText(error);
  }

  /** Says what is wrong beside each setting, and goes to the first. */
  function complain(problems) {
    const other = [];
    for (const problem of problems) {
      const field = fields.find(({ setting, control }) => control && setting.key === problem.setting);
      if (field) field.complain(why(problem, field.setting));
      else other.push([problem.setting, why(problem)].filter(Boolean).join(": "));
    }
    fault.textContent = other.join(" ");
    fields.find(({ control }) => control?.getAttribute("aria-invalid"))?.control.focus();
  }

  function why({ setting, reason, text = "" }, view = null) {
    const key = `setting.why.${reason}`;
    if (reason === "value" && view) return [t(`setting.expected.${view.form.kind}`), boundsText(view.form)].filter(Boolean).join(" ");
    const found = t(key, { text, setting, name, origin: view?.origin ?? "" });
    return found === key ? text : found;
  }

  return { node, open };
}

/** What a change did, for people. */
function lines({ on, nodes, with_it: others }, names) {
  return [
    t(on ? "setting.inUse" : "setting.kept", { names }),
    ...(others.length > 0 ? [t("setting.withIt", { names: others.join(", ") })] : []),
    ...nodes.flatMap(({ node, problem, left = [] }) => [
      ...(problem ? [t("setting.node", { node, problem })] : []),
      ...left.map((what) => t("setting.left", { node, what })),
    ]),
  ];
}

function boundsText(form) {
  const found = bounds(form).map(([key, values]) => t(`setting.bounds.${key}`, values));
  return found.length > 0 ? t("setting.bounds", { list: found.join(", ") }) : "";
}

/** A value as it is shown in a line of text. */
function shown(form, value) {
  if (form.kind === "boolean") return t(value ? "setting.yes" : "setting.no");
  const text = form.kind === "list" ? (value ?? []).join(", ") : typed(form, value);
  return text === "" ? t("setting.empty") : text;
}

/** The language of a text of the plugin: what is not in the reader's is English. */
function langOf(text) {
  const language = currentLanguage();
  const isOwn = typeof text === "object" && Object.hasOwn(text, language);
  return isOwn || language === "en" ? undefined : "en";
}

/** One setting: its label, its input or its value, what is known of it, and the way back. */
class Field {
  isReset = false;
  control = null; // of a setting that can be changed here
  #fault = h("span", { class: "field-error", role: "alert" });
  #mark = h("span", { class: "mark", hidden: true });
  #back = null;

  constructor(setting, { name, id, locked }) {
    this.setting = setting;
    this.label = said(setting.label);
    const isEditable = isOpen(setting) && !locked;
    const hint = h("small", { id: `${id}-hint`, class: "muted" }, ...this.#hints(name, locked));
    const title = h("span", { lang: langOf(setting.label) }, this.label);
    const key = this.label !== setting.key && h("code", { class: "muted" }, setting.key);
    this.#fault.dataset.fault = setting.key;
    if (isEditable) {
      this.control = this.#input(id);
      this.control.setAttribute("aria-describedby", `${id}-hint`);
      this.control.addEventListener("input", () => this.#changed());
    }
    const isCheck = setting.form.kind === "boolean";
    const head = this.control
      ? h("label", { class: isCheck ? "check" : "setting-label", for: id }, isCheck && this.control, title, unit(setting.form))
      : h("span", { class: "setting-label" }, title, unit(setting.form));
    this.node = h(
      "div",
      { class: "setting field", "data-setting": setting.key },
      h("div", { class: "setting-head" }, head, key, this.#mark),
      this.control ? !isCheck && this.control : h("code", { class: "setting-value", dir: "auto" }, this.#fixedValue()),
      hint,
      this.#fault,
      this.#way(isEditable),
    );
    this.#mark.hidden = !setting.is_stored;
    this.#mark.textContent = t("setting.changed");
  }

  get given() {
    return this.control.type === "checkbox" ? this.control.checked : this.control.value;
  }

  complain(text) {
    this.#fault.textContent = text;
    if (text) this.control?.setAttribute("aria-invalid", "true");
    else this.control?.removeAttribute("aria-invalid");
  }

  #fixedValue() {
    const { setting } = this;
    if (setting.is_secret) return t(setting.is_set ? "setting.isSet" : "setting.isNotSet");
    return setting.form.kind === "table" ? setting.value : shown(setting.form, setting.current);
  }

  #input(id) {
    const { key, form, current, is_secret: isSecret } = this.setting;
    const plain = { id, name: key, dir: "auto", autocomplete: "off", autocapitalize: "none", spellcheck: "false" };
    if (isSecret) return h("input", { ...plain, type: "password", autocomplete: "new-password" });
    const value = typed(form, current);
    switch (form.kind) {
      case "boolean":
        return h("input", { id, name: key, type: "checkbox", checked: value });
      case "choice": {
        const choices = form.is_optional ? ["", ...form.choices] : form.choices;
        return h("select", { id, name: key }, ...choices.map((choice) => h("option", { value: choice, selected: choice === value }, choice || t("setting.empty"))));
      }
      case "list":
        return area(plain, value, 3);
      case "integer":
      case "number":
        return h("input", { id, name: key, type: "number", step: form.kind === "integer" ? 1 : "any", min: form.minimum ?? form.above, max: form.maximum ?? form.below, value });
      default:
        return value.includes("\n") ? area(plain, value, 3) : h("input", { ...plain, type: "text", value });
    }
  }

  /** The description, the bounds, where a value is from, and why it is fixed. */
  #hints(name, locked) {
    const { setting } = this;
    const { form, description, origin, fixed, source } = setting;
    const found = [h("span", { dir: "auto", lang: langOf(description) }, said(description))];
    const more = [];
    if (form.kind === "list" && !fixed && !locked) more.push(t("setting.lines"));
    if (boundsText(form)) more.push(boundsText(form));
    if (setting.is_secret && !fixed && !locked) more.push(t(setting.is_set ? "setting.secretSet" : "setting.secretNot"));
    if (fixed && !locked) more.push(t(`setting.why.${fixed}`, { origin, name, setting: setting.key }));
    else if (source === "file") more.push(t("setting.file", { origin }));
    if (setting.is_stored && source !== "store" && !fixed) more.push(t("setting.unused"));
    return [...found, ...more.map((text) => h("span", {}, ` ${text}`))];
  }

  /** Back to what the configuration or the plugin says. */
  #way(isEditable) {
    if (!isEditable) return null;
    const { setting } = this;
    const text = setting.is_secret ? t("setting.forget") : t("setting.back", { usual: shown(setting.form, setting.usual) });
    this.#back = h("button", { class: "quiet setting-back", type: "button", "aria-label": `${this.label}: ${text}`, "data-testid": "setting-back", onclick: () => this.#goBack() }, text);
    this.#back.hidden = !setting.is_stored;
    return this.#back;
  }

  #goBack() {
    const { setting, control } = this;
    const usual = typed(setting.form, setting.is_secret ? "" : setting.usual);
    if (control.type === "checkbox") control.checked = usual;
    else control.value = usual;
    this.#changed();
    this.isReset = setting.is_stored;
    control.focus(); // the button goes
    this.#say();
  }

  #changed() {
    this.isReset = false;
    this.complain("");
    this.#say();
  }

  #say() {
    const { setting, given } = this;
    const isUsual = this.isReset || (!setting.is_stored && this.#isUntouched());
    const isUnsaved = this.isReset || !this.#isUntouched();
    this.#mark.hidden = !isUnsaved && !setting.is_stored;
    this.#mark.textContent = t(isUnsaved ? "setting.unsaved" : "setting.changed");
    this.#back.hidden = isUsual || (!setting.is_stored && !setting.is_secret && same(given, typed(setting.form, setting.usual)));
  }

  #isUntouched() {
    const { setting, given } = this;
    return setting.is_secret ? given === "" : same(given, typed(setting.form, setting.current));
  }
}

function area(attributes, value, rows) {
  const node = h("textarea", { ...attributes, rows: Math.min(12, Math.max(rows, value.split("\n").length)) });
  node.value = value;
  return node;
}

function unit({ unit: name }) {
  return name ? h("span", { class: "setting-unit" }, t("setting.unit", { unit: unitName(name) })) : null;
}
