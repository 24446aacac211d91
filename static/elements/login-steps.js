/**
 * The steps of a sign-in, as the server declares them: draws each form, asks the browser for passkeys, follows
 * redirects, shows refusals. Needs `api` and `progress` (an answer of `/api/v1/login/begin`). Fires "signed-in" ({user}), "login-done" ({purpose}) and
 * "login-left" ({error}: why the sign-in ended, or null if the person left it).
 */

import { enable, h, qrCode } from "../lib/dom.js";
import { errorText, said, stepText, t } from "../lib/i18n.js";
import { canUsePasskeys, passkeyAnswer, passkeyProblem } from "../lib/passkeys.js";
import "./account-texts.js";
import { View } from "./view.js";

const INPUTS = {
  username: { type: "text", autocomplete: "username", autocapitalize: "none", spellcheck: "false" },
  email: { type: "email", autocomplete: "email" },
  password: { type: "password", autocomplete: "current-password" },
  new_password: { type: "password", autocomplete: "new-password" },
  code: { type: "text", autocomplete: "one-time-code", autocapitalize: "none", spellcheck: "false" },
};
const ENDED = [
  "auth.flow",
  "auth.refused",
  "auth.unavailable",
  "auth.invalid",
  "auth.closed",
  "action.refused",
  "plugin.failed",
];

class LoginSteps extends View {
  api;
  progress;
  #form;
  #error;
  #submit;
  #asking = null; // ends what the browser asks the person

  build() {
    this.#show(this.progress);
  }

  teardown() {
    this.#asking?.abort();
  }

  #show(progress) {
    this.#asking?.abort();
    this.progress = progress;
    const { step } = progress;
    if (step.kind === "redirect") {
      this.replaceChildren(h("p", { class: "muted", role: "status" }, t("login.leaving")));
      location.assign(step.url);
      return;
    }
    this.#error = h("p", { class: "form-error", role: "alert", "data-testid": "step-error" }, step.error && stepText(progress.method, "error", step.error));
    const fields = step.fields ?? [];
    const asksBrowser = fields.some(({ kind }) => kind === "passkey");
    const disabled = asksBrowser && !canUsePasskeys();
    this.#submit = h("button", { class: "primary wide", type: "submit", disabled, "data-testid": "step-submit" }, t("login.next"));
    this.#form = h(
      "form",
      { class: "stack", method: "post", "data-testid": `step-${progress.method}`, onsubmit: (event) => void this.#onSubmit(event) },
      step.text && h("p", {}, stepText(progress.method, "text", step.text)),
      ...fields.map((each) => field({ ...each, label: stepText(progress.method, each.name, each.label) })),
      this.#error,
      this.#submit,
    );
    const others = (progress.alternatives ?? []).filter((name) => name !== progress.method);
    const buttons = others.map((name) =>
      h("button", { class: "quiet wide", type: "button", "data-testid": `instead-${name}`, onclick: () => void this.#switch(name) }, t("login.instead", { name })),
    );
    if (others.length) void this.#nameOthers(others, buttons);
    this.replaceChildren(
      this.#form,
      ...buttons,
      h("button", { class: "quiet wide", type: "button", "data-testid": "step-leave", onclick: () => this.#leave(null) }, t("cancel")),
    );
    const inputs = [...this.#form.querySelectorAll("input:not([readonly])")];
    const first = inputs.find(({ value }) => !value) ?? inputs[0]; // what a link has filled in is past
    if (first) first.focus();
    else if (asksBrowser && !disabled && !step.error) this.#form.requestSubmit();
  }

  /** What they are called is told of methods that confirm who somebody is, as second steps do; until then they have their keys. */
  async #nameOthers(names, buttons) {
    const methods = await this.api.loginMethods("confirm").catch(() => []);
    const labels = new Map(methods.map(({ name, label }) => [name, said(label)]));
    for (const [index, name] of names.entries()) buttons[index].textContent = t("login.instead", { name: labels.get(name) ?? name });
  }

  async #onSubmit(event) {
    event.preventDefault();
    if (this.#submit.disabled) return;
    const { flow, secret, step } = this.progress;
    const answer = Object.fromEntries(new FormData(this.#form));
    const wanted = (step.fields ?? []).find(({ kind }) => kind === "passkey");
    if (wanted) {
      answer[wanted.name] = await this.#askBrowser(wanted.data);
      if (!answer[wanted.name]) return;
    }
    await this.#ask({ flow, secret, answer });
  }

  /** The person's passkey; null with the reason shown, or when another step took this one's place. */
  async #askBrowser(data) {
    const asking = new AbortController();
    this.#asking = asking;
    this.#submit.disabled = true;
    this.#error.textContent = "";
    try {
      return await passkeyAnswer(data, asking.signal);
    } catch (error) {
      if (asking.signal.aborted) return null;
      this.#error.textContent = t(passkeyProblem(error));
      enable(this.#submit);
      return null;
    } finally {
      if (this.#asking === asking) this.#asking = null;
    }
  }

  async #switch(method) {
    const { flow, secret } = this.progress;
    await this.#ask({ flow, secret, method });
  }

  async #ask(body) {
    this.#submit.disabled = true;
    this.#error.textContent = "";
    try {
      const next = await this.api.loginProceed(body);
      if (next.user) this.#tell("signed-in", { user: next.user });
      else if (next.done) this.#tell("login-done", { purpose: next.done });
      else this.#show(next);
    } catch (error) {
      if (ENDED.includes(error.code)) this.#leave(error);
      else this.#error.textContent = errorText(error);
      enable(this.#submit);
    }
  }

  #leave(error) {
    this.#tell("login-left", { error });
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail, bubbles: true }));
  }
}

/** @param {{name: string, label: string, kind?: string, required?: boolean, value?: string, data?: Record<string, any>}} described */
function field({ name, label, kind = "text", required = true, value = "", data = {} }) {
  if (kind === "shown") {
    const shown = /^otpauth:/.test(value) ? h("a", { href: value }, label) : h("output", { class: "shown-value", dir: "auto" }, value);
    const drawn = data.qr && qrCode(data.qr, t("login.qr"));
    return h("div", { class: "field", "data-testid": `shown-${name}` }, h("span", {}, label), drawn, shown);
  }
  if (kind === "passkey") {
    if (!canUsePasskeys()) return h("p", { class: "form-error" }, t("passkey.unsupported"));
    return h("p", { class: "muted" }, t(data.create ? "passkey.make" : "passkey.use"));
  }
  const input = h("input", { type: "text", dir: "auto", ...INPUTS[kind], name, required, value, "data-testid": `step-${name}` });
  return h("label", { class: "field" }, h("span", {}, label), input);
}

customElements.define("login-steps", LoginSteps);
