/** One's own e-mail address, which counts once the link in a mail is opened. */

import { h } from "../../lib/dom.js";
import { t } from "../../lib/i18n.js";
import "../account-texts.js";
import "../later-texts.js";

/** `form`, and `offer`, which shows it where the server sends mail: elsewhere an address is of no use. */
export function emailForm({ api, attempts }) {
  const input = h("input", { type: "email", name: "email", autocomplete: "email", "aria-label": t("account.email"), required: true, "data-testid": "email" });
  const state = h("p", { class: "muted", role: "status", "data-testid": "email-state" });
  const form = h(
    "form",
    { class: "stack", method: "post", hidden: true, onsubmit: (event) => void save(event) },
    h("h3", {}, t("account.email")),
    h("p", { class: "muted" }, t("account.emailLead")),
    input,
    state,
    h(
      "div",
      { class: "invite-row" },
      h("button", { class: "primary", type: "submit", "data-testid": "save-email" }, t("settings.save")),
      h("button", { class: "quiet", type: "button", "data-testid": "remove-email", onclick: () => void set(null, t("settings.saved")) }, t("settings.remove")),
    ),
  );

  function draw({ email, pending }) {
    input.value = email ?? "";
    state.textContent = pending ? t("account.emailPending", { email: pending }) : "";
  }

  function save(event) {
    event.preventDefault();
    return set(input.value);
  }

  function set(email, done) {
    return attempts.run(async () => draw(await api.setEmail(email)), done);
  }

  async function offer() {
    const methods = await api.loginMethods();
    if (!methods.some(({ name }) => name === "forgotten")) return;
    draw(await api.email());
    form.hidden = false;
  }

  return { form, offer };
}
