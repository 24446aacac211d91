/** One input of a settings' form: its label, the input, its hints, and what is wrong with it. */

import { h } from "../../../lib/dom.js";
import { currentLanguage, said, t, unitName } from "../../../lib/i18n.js";
import { canHash, newSecret, sha256 } from "../../../lib/made-tokens.js";
import { bounds } from "../../../lib/setting-forms.js";
import { copyField } from "../copy-field.js";
import { changed, MapInput, PlainInput } from "./setting-inputs.js";
import { RoomInput } from "./setting-room.js";

// What the button says that makes one, and what is then shown.
const MADE = { secret: ["setting.makeSecret", "setting.secret"], token_sha256: ["setting.makeToken", "setting.token"] };

/** `setting` has `{key, label, description, form, is_secret}`; `hints` are texts below the input, `api` finds rooms. */
export class SettingField {
  #fault;

  constructor(setting, { id, value, api, hints = [], makeInput = usualInput }) {
    const { key, form, description } = setting;
    this.setting = setting;
    this.label = said(setting.label);
    this.#fault = h("span", { class: "field-error", role: "alert", "data-fault": key });
    const hint = h("small", { id: `${id}-hint`, class: "muted" }, h("span", { dir: "auto", lang: langOf(description) }, said(description)), ...hints.map((text) => h("span", {}, ` ${text}`)));
    const title = h("span", { lang: langOf(setting.label) }, this.label);
    this.input = makeInput(setting, value, { id, key, label: this.label, isSecret: setting.is_secret, api });
    this.input.node.setAttribute("aria-describedby", hint.id);
    const isCheck = form.kind === "boolean";
    const head = this.input.isOne
      ? h("label", { class: isCheck ? "check" : "setting-label", for: id }, isCheck && this.input.node, title, unit(form))
      : h("span", { class: "setting-label" }, title, unit(form));
    this.head = h("div", { class: "setting-head" }, head, this.label !== key && h("code", { class: "muted" }, key));
    this.node = h("div", { class: "setting field", "data-setting": key }, this.head, !isCheck && this.input.node, this.input.beside, hint, this.#fault, makes(setting.made) && this.#maker());
  }

  /** A button that fills the input, and shows once what nobody can read there. */
  #maker() {
    const { setting, label } = this;
    const [text, name] = MADE[setting.made].map((key) => t(key));
    const place = h("div", { role: "status" });
    const make = async () => {
      const secret = newSecret();
      this.input.show(setting.made === "secret" ? secret : await sha256(secret));
      changed(this.input.node);
      place.replaceChildren(h("small", { class: "muted" }, t("setting.made")), copyField({ value: secret, label: name, testid: "setting-made" }));
    };
    return h("div", {}, h("button", { class: "quiet", type: "button", "aria-label": `${label}: ${text}`, "data-testid": "setting-make", onclick: () => void make() }, text), place);
  }

  get given() {
    return this.input.given;
  }

  get isWrong() {
    return [...this.node.querySelectorAll(".field-error")].some((fault) => fault.textContent !== "");
  }

  /** Shows what is wrong: problems with `parts`, or of an `entry`, beside the part. No problems take it away. */
  complain(problems) {
    const own = problems.filter(({ parts = [], entry }) => parts.length === 0 && entry === undefined);
    const within = problems.flatMap(({ parts = [], ...problem }) => (problem.entry === undefined ? parts : [{ ...problem, parts }]));
    this.input.complain(within, why);
    this.#fault.textContent = own.map((problem) => why(problem, this.setting.form)).join(" ");
    if (own.length > 0 && this.input.isOne) this.input.node.setAttribute("aria-invalid", "true");
    else this.input.node.removeAttribute("aria-invalid");
  }
}

function makes(made) {
  return made === "secret" || (made === "token_sha256" && canHash());
}

export function usualInput({ form, picks }, value, about) {
  if (picks === "room") return new RoomInput(form, value, about);
  return form.kind === "map" ? new MapInput(form, value, about) : new PlainInput(form, value, about);
}

/** What is wrong, for people. */
export function why(problem, form) {
  const { reason, text = "" } = problem;
  if (reason === "value" && form.kind) return [t(`setting.expected.${form.kind}`), boundsText(form)].filter(Boolean).join(" ");
  const key = `setting.why.${reason}`;
  const found = t(key, { text, name: "", origin: "", ...problem });
  return found === key ? text : found;
}

export function boundsText(form) {
  const found = bounds(form).map(([key, values]) => t(`setting.bounds.${key}`, values));
  return found.length > 0 ? t("setting.bounds", { list: found.join(", ") }) : "";
}

/** The hints of an input: how it is filled in, and what a secret is. */
export function inputHints({ form, is_secret: isSecret }, isSet) {
  return [
    form.kind === "list" && t("setting.lines"),
    boundsText(form),
    isSecret && t(isSet ? "setting.secretSet" : "setting.secretNot"),
  ].filter((text) => text !== false && text !== "");
}

/** The language of a text of the plugin: what is not in the reader's is English. */
export function langOf(text) {
  const language = currentLanguage();
  const isOwn = typeof text === "object" && Object.hasOwn(text, language);
  return isOwn || language === "en" ? undefined : "en";
}

export function unit({ unit: name }) {
  return name ? h("span", { class: "setting-unit" }, t("setting.unit", { unit: unitName(name) })) : null;
}
