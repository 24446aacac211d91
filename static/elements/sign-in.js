/** Signing in and signing up. Fires "signed-in" ({user}). Needs `api`; the attribute data-notice is shown above the form. */

import { h, LOGO } from "../lib/dom.js";
import { errorText, t } from "../lib/i18n.js";
import { languageSelect } from "./language-select.js";
import { View } from "./view.js";

class SignIn extends View {
  api;
  #signingUp = false;
  #form;
  #error;
  #submit;

  build() {
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
    this.append(
      h(
        "main",
        { class: "sign-in-card" },
        h("img", { src: LOGO, alt: "", class: "sign-in-logo", width: "56", height: "56" }),
        h("h1", {}, t(`${mode}.title`)),
        h("p", { class: "muted" }, t(`${mode}.lead`)),
        this.dataset.notice && h("p", { class: "notice", role: "status", "data-testid": "notice" }, this.dataset.notice),
        this.#form,
        h(
          "button",
          { class: "quiet wide", type: "button", "data-testid": "switch-mode", onclick: () => this.#switch() },
          t(this.#signingUp ? "signIn.switch" : "signUp.switch"),
        ),
      ),
      languageSelect(),
    );
    this.#form.elements.username.focus();
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
      const account = { username: username.trim(), password, name: name?.trim() };
      const user = this.#signingUp ? await this.api.register(account) : await this.api.login(account);
      this.dispatchEvent(new CustomEvent("signed-in", { detail: { user } }));
    } catch (error) {
      this.#error.textContent = errorText(error);
      this.#submit.disabled = false;
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
