/**
 * What the pages of the settings share: they try something, show a refusal, and where the server wants the
 * person to confirm, they ask for that and try again.
 */

import { h } from "../../lib/dom.js";
import { errorText, said, t } from "../../lib/i18n.js";
import "../account-texts.js";
import "../later-texts.js";

export class Attempts {
  #api;
  #steps = h("div", { class: "stack", hidden: true });
  #error = h("p", { class: "form-error", role: "alert", "data-testid": "account-error" });
  #done = h("p", { class: "muted", role: "status", "data-testid": "account-done" });
  /** To be put at the end of the page. What is said is seen from wherever the page is scrolled to. */
  node = h("div", { class: "attempts" }, this.#steps, this.#error, this.#done);

  constructor(api) {
    this.#api = api;
  }

  /** Does it; `done` is said if it succeeds. `refused` shows a refusal at another place than the end of the page. */
  async run(action, done = "", refused = (error) => this.#refused(error)) {
    this.#error.textContent = this.#done.textContent = "";
    try {
      await action();
      this.#done.textContent = done;
    } catch (refusal) {
      if (refusal.code === "auth.confirm") await this.#confirm(() => void this.run(action, done, refused)).catch((error) => this.#refused(error));
      else refused(refusal);
    }
  }

  /** Draws the steps that `progress` begins; `then` is called when they are done. */
  async follow(progress, title, then) {
    await import("../sign-in.js"); // which has the steps
    const element = h("login-steps", { api: this.#api, progress });
    element.addEventListener("login-done", () => {
      this.#showSteps();
      then();
    });
    element.addEventListener("login-left", ({ detail }) => {
      this.#showSteps();
      if (detail.error) this.#refused(detail.error);
    });
    this.#showSteps(h("h3", {}, title), element);
  }

  /** Has the person confirm by the password or another method; of several, they choose. */
  async #confirm(then) {
    const title = t("account.confirm");
    const [{ has_password: hasPassword }, others] = await Promise.all([this.#api.identities(), this.#api.loginMethods("confirm")]);
    const methods = [...(hasPassword ? [{ name: "password", label: t("password") }] : []), ...others];
    const begin = async (method) => this.follow(await this.#api.loginBegin({ method, purpose: "confirm" }), title, then);
    if (methods.length === 1) return begin(methods[0].name);
    const choose = (name) => void begin(name).catch((error) => this.#refused(error));
    const choice = methods.map(({ name, label }) =>
      h("button", { class: "quiet wide", type: "button", "data-testid": `confirm-${name}`, onclick: () => choose(name) }, said(label)),
    );
    const leave = h("button", { class: "quiet wide", type: "button", onclick: () => this.#showSteps() }, t("cancel"));
    this.#showSteps(h("h3", {}, title), ...choice, leave);
    return choice[0]?.focus();
  }

  #showSteps(...nodes) {
    this.#steps.hidden = nodes.length === 0; // before they are put in: what is hidden takes no focus
    this.#steps.replaceChildren(...nodes);
    if (nodes.length) this.#steps.scrollIntoView({ block: "nearest" }); // they may stand far below what was pressed
  }

  #refused(error) {
    this.#error.textContent = errorText(error);
  }
}
