/**
 * Signing in and signing up, by password or another method. Fires "signed-in" ({user}). Needs `api`; the attribute
 * data-notice is shown above the form, data-login is the id of a step that waits, data-invite the code of an invitation,
 * data-reset that of a link for a new password.
 */

import { enable, h, icon, LOGO } from "../lib/dom.js";
import { errorText, said, t } from "../lib/i18n.js";
import { languageSelect } from "./language-select.js";
import "./login-steps.js";
import { View } from "./view.js";

class SignIn extends View {
  api;
  #signingUp = false;
  #form;
  #error;
  #submit;
  #methods;

  build() {
    if (this.dataset.invite) this.#signingUp = true; // that makes an account
    const mode = this.#signingUp ? "signUp" : "signIn";
    this.#error = h("p", { class: "form-error", role: "alert", "data-testid": "sign-in-error" });
    this.#submit = h("button", { class: "primary wide", type: "submit", "data-testid": "submit" }, t(mode));
    this.#form = h(
      "form",
      { class: "stack", method: "post", onsubmit: (event) => void this.#onSubmit(event) },
      field("username", { autocomplete: "username", autocapitalize: "none", spellcheck: "false", required: true }),
      this.#signingUp && field("displayName", { name: "name", autocomplete: "name" }),
      field("password", {
        type: "password",
        autocomplete: this.#signingUp ? "new-password" : "current-password",
        required: true,
      }),
      this.#error,
      this.#submit,
    );
    this.#methods = h("div", { class: "stack login-methods", "data-testid": "login-methods" });
    this.append(
      h(
        "main",
        { class: "sign-in-card" },
        h("img", { src: LOGO, alt: "", class: "sign-in-logo", width: "56", height: "56" }),
        h("h1", {}, t(`${mode}.title`)),
        h("p", { class: "muted" }, t(`${mode}.lead`)),
        this.dataset.notice && h("p", { class: "notice", role: "status", "data-testid": "notice" }, this.dataset.notice),
        this.#form,
        this.#methods,
        h(
          "button",
          { class: "quiet wide", type: "button", "data-testid": "switch-mode", onclick: () => this.#switch() },
          t(this.#signingUp ? "signIn.switch" : "signUp.switch"),
        ),
      ),
      h("footer", {}, languageSelect()),
    );
    this.#form.elements.username.focus();
    void this.#listMethods();
    const { login, invite, reset } = this.dataset;
    delete this.dataset.login;
    delete this.dataset.invite;
    delete this.dataset.reset;
    if (login === "failed") this.#error.textContent = t("login.failed");
    else if (login) void this.#continue(() => this.api.loginProceed({ flow: login }));
    else if (reset) void this.#continue(() => this.#reset(reset));
    else if (invite) void this.#continue(() => this.api.loginBegin({ method: "invite" }), { code: invite });
  }

  /** A button for each method that is no password. Without an answer of the server there are none. */
  async #listMethods() {
    const found = await this.api.loginMethods().catch(() => []);
    const methods = found.filter(({ name }) => !this.#signingUp || name !== "forgotten");
    this.#methods.replaceChildren(
      ...methods.map(({ name, label, icon: path }) =>
        h(
          "button",
          { class: "quiet wide", type: "button", "data-testid": `login-${name}`, onclick: () => void this.#continue(() => this.api.loginBegin({ method: name })) },
          path && icon(path),
          name === "forgotten" ? t("login.forgotten") : said(label),
        ),
      ),
    );
  }

  /** Shows the step that the server answers with, in place of the password. */
  async #continue(ask, filled = {}) {
    try {
      const progress = await ask();
      if (progress.user) this.dispatchEvent(new CustomEvent("signed-in", { detail: { user: progress.user } }));
      else this.#showSteps(progress, filled);
    } catch (error) {
      this.#error.textContent = errorText(error);
    }
  }

  /** The step behind a link for a new password. */
  async #reset(code) {
    const { flow } = await this.api.loginBegin({ method: "reset" });
    return this.api.loginProceed({ flow, answer: { code } });
  }

  #showSteps(progress, filled = {}) {
    for (const field of progress.step.fields ?? []) if (filled[field.name]) field.value = filled[field.name];
    const steps = h("login-steps", { api: this.api, progress });
    steps.addEventListener("login-left", ({ detail }) => {
      steps.replaceWith(this.#form, this.#methods);
      this.#error.textContent = detail.error ? errorText(detail.error) : "";
      enable(this.#submit);
    });
    this.#methods.remove();
    this.#form.replaceWith(steps);
  }

  #switch() {
    const { username, password } = this.#form.elements;
    const typed = [username.value, password.value];
    this.#signingUp = !this.#signingUp;
    this.replaceChildren();
    this.build();
    [this.#form.elements.username.value, this.#form.elements.password.value] = typed;
  }

  async #onSubmit(event) {
    event.preventDefault();
    if (this.#submit.disabled) return;
    const { username, password, name } = Object.fromEntries(new FormData(this.#form));
    this.#submit.disabled = true;
    this.#error.textContent = "";
    try {
      const account = { username: String(username).trim(), password, name: name && String(name).trim() };
      const user = this.#signingUp ? await this.api.register(account) : await this.api.login(account);
      this.dispatchEvent(new CustomEvent("signed-in", { detail: { user } }));
    } catch (error) {
      if (error.code === "auth.challenge") this.#showSteps(error.detail);
      else this.#error.textContent = errorText(error);
      enable(this.#submit);
    }
  }
}

function field(label, attributes) {
  const name = attributes.name ?? label;
  return h(
    "label",
    { class: "field" },
    h("span", {}, t(label)),
    h("input", { type: "text", dir: "auto", ...attributes, name, "data-testid": name }),
  );
}

customElements.define("sign-in", SignIn);
