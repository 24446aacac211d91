/** The settings of one plugin as a form that is made from their schema, for owners of the server. */

import { h } from "../../../lib/dom.js";
import { errorText, said, t } from "../../../lib/i18n.js";
import { changes, isOpen, same, served, typed } from "../../../lib/setting-forms.js";
import { boundsText, inputHints, langOf, SettingField, unit, usualInput, why } from "./setting-field.js";
import { addressField, TablesInput } from "./setting-tables.js";

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
    fields = settings.map((setting) => settingLine(setting, { name, id: `${prefix}-${setting.key}`, locked, api }));
    const groups = ["plugin", "failure"].map((group) => ({ group, found: fields.filter((field) => field.setting.group === group) }));
    const lead = settings.length === 0 ? t("admin.noSettings") : locked ? t(`setting.locked.${fixed}`) : t("setting.lead");
    place.replaceChildren(
      h("p", { class: "muted", "data-testid": "settings-lead" }, lead),
      ...groups
        .filter(({ found }) => found.length > 0)
        .map(({ group, found }) => h("fieldset", { class: "settings-group" }, h("legend", {}, t(`setting.group.${group}`)), ...found.map((field) => field.node))),
    );
    save.hidden = !fields.some(({ input }) => input);
  }

  async function submit(event) {
    event.preventDefault();
    fault.textContent = "";
    told.replaceChildren();
    const open = fields.filter(({ input }) => input);
    for (const field of open) field.complain([]);
    const { settings, reset, wrong } = changes(open);
    if (wrong.length > 0) {
      complain(wrong);
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
    const before = new Set(served(fields.map(({ setting }) => setting)).map(String));
    draw(await api.pluginSettings(name));
    const fresh = served(fields.map(({ setting }) => setting)).filter((each) => outcome.on && !before.has(String(each)));
    const labels = fields.filter(({ setting }) => outcome.changed.includes(setting.key)).map(({ label }) => label);
    told.replaceChildren(...lines(outcome, labels.join(", ")).map((line) => h("p", {}, line)), ...fresh.map(([address, each]) => addressField(address, each)));
    told.scrollIntoView({ block: "nearest" }); // what was open is closed now, so that the page ends earlier
  }

  function refused(error) {
    if (error.detail?.problems) complain(error.detail.problems);
    else fault.textContent = errorText(error);
  }

  /** Says what is wrong beside each setting, and goes to the first. */
  function complain(problems) {
    const open = fields.filter(({ input }) => input);
    for (const field of open) {
      const { key, origin } = field.setting;
      field.complain(problems.filter(({ setting }) => setting === key).map((problem) => ({ ...problem, name, origin })));
    }
    const known = new Set(open.map(({ setting }) => setting.key));
    const other = problems.filter(({ setting }) => !known.has(setting));
    fault.textContent = other.map((problem) => [problem.setting, why(problem, {})].filter(Boolean).join(": ")).join(" ");
    open.find(({ isWrong }) => isWrong)?.input.focus();
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

/** A value as it is shown in a line of text. */
function shown(form, value) {
  if (form.kind === "boolean") return t(value ? "setting.yes" : "setting.no");
  if (form.kind === "map" || form.kind === "tables") return Object.keys(value ?? {}).join(", ") || t("setting.empty");
  const text = form.kind === "list" ? (value ?? []).join(", ") : typed(form, value);
  return text === "" ? t("setting.empty") : text;
}

/** A setting with its input; without one if it cannot be changed here. */
function settingLine(setting, { name, id, locked, api }) {
  return isOpen(setting) && !locked ? new Field(setting, { id, value: typed(setting.form, setting.current), hints: hints(setting, name, false), makeInput, api }) : fixedLine(setting, name, locked);
}

function makeInput(setting, value, about) {
  const { form, secrets, current, address } = setting;
  return form.kind === "tables" ? new TablesInput(form, value, { ...about, secrets, current: current ?? {}, address }) : usualInput(setting, value, about);
}

/** A setting that is changed elsewhere, with its value. */
function fixedLine(setting, name, locked) {
  const label = said(setting.label);
  const title = h("span", { class: "setting-label" }, h("span", { lang: langOf(setting.label) }, label), unit(setting.form));
  const value = setting.is_secret ? t(setting.is_set ? "setting.isSet" : "setting.isNotSet") : ["table", "tables", "map"].includes(setting.form.kind) ? setting.value : shown(setting.form, setting.current);
  const node = h(
    "div",
    { class: "setting field", "data-setting": setting.key },
    h("div", { class: "setting-head" }, title, label !== setting.key && h("code", { class: "muted" }, setting.key), setting.is_stored && h("span", { class: "mark" }, t("setting.changed"))),
    h("code", { class: "setting-value", dir: "auto" }, value),
    h("small", { class: "muted" }, h("span", { dir: "auto", lang: langOf(setting.description) }, said(setting.description)), ...hints(setting, name, locked).map((text) => h("span", {}, ` ${text}`))),
  );
  return { setting, label, node, input: null };
}

/** How an input is filled in, where a value is from, and why it is fixed. */
function hints(setting, name, locked) {
  const { origin, fixed, source } = setting;
  const found = fixed || locked ? [boundsText(setting.form)].filter(Boolean) : inputHints(setting, setting.is_set);
  if (fixed && !locked) found.push(t(`setting.why.${fixed}`, { origin, name, setting: setting.key }));
  else if (source === "file") found.push(t("setting.file", { origin }));
  if (setting.is_stored && source !== "store" && !fixed) found.push(t("setting.unused"));
  return found;
}

/** One setting that can be changed: with what is known of its change, and the way back. */
class Field extends SettingField {
  isReset = false;
  #mark = h("span", { class: "mark", hidden: true });
  #back;

  constructor(setting, about) {
    super(setting, about);
    const text = setting.is_secret ? t("setting.forget") : t("setting.back", { usual: shown(setting.form, setting.usual) });
    this.#back = h("button", { class: "quiet setting-back", type: "button", "aria-label": `${this.label}: ${text}`, "data-testid": "setting-back", onclick: () => this.#goBack() }, text);
    this.#back.hidden = !setting.is_stored;
    this.#mark.hidden = !setting.is_stored;
    this.#mark.textContent = t("setting.changed");
    this.head.append(this.#mark);
    this.node.append(this.#back);
    this.input.node.addEventListener("input", () => this.#changed());
  }

  #goBack() {
    const { setting, input } = this;
    input.show(typed(setting.form, setting.is_secret ? "" : setting.usual));
    this.#changed();
    this.isReset = setting.is_stored;
    input.focus(); // the button goes
    this.#say();
  }

  #changed() {
    this.isReset = false;
    this.complain([]);
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
