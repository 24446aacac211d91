/** The dialog about one's own account: sessions, the password, and ways to sign in that can be added. */

import { h } from "../lib/dom.js";
import { currentLanguage, errorText, t } from "../lib/i18n.js";
import { show } from "./dialogs.js";
import "./login-steps.js";

/** `api` as in lib/api.js. */
export function showAccount(api) {
  const sessions = h("ul", { class: "sessions", "data-testid": "sessions" });
  const error = h("p", { class: "form-error", role: "alert", "data-testid": "account-error" });
  const done = h("p", { class: "muted", role: "status", "data-testid": "account-done" });
  const steps = h("div", { class: "stack" });
  const password = h(
    "form",
    { class: "stack", method: "post", onsubmit: (event) => void changePassword(event) },
    h("h3", {}, t("account.password")),
    input("old", "account.oldPassword", "current-password"),
    input("new", "account.newPassword", "new-password"),
    h("button", { class: "primary", type: "submit", "data-testid": "change-password" }, t("account.changePassword")),
  );
  const emailState = h("p", { class: "muted", "data-testid": "email-state" });
  const email = h(
    "form",
    { class: "stack", method: "post", hidden: true, onsubmit: (event) => void saveEmail(event) },
    h("h3", {}, t("account.email")),
    h("p", { class: "muted" }, t("account.emailLead")),
    h("input", { type: "email", name: "email", autocomplete: "email", "aria-label": t("account.email"), required: true, "data-testid": "email" }),
    emailState,
    h("button", { class: "primary", type: "submit", "data-testid": "save-email" }, t("account.setEmail")),
    h("button", { class: "quiet", type: "button", "data-testid": "remove-email", onclick: () => void attempt(removeEmail) }, t("account.removeEmail")),
  );
  const dialog = h(
    "dialog",
    { class: "dialog", "aria-labelledby": "account-title", "data-testid": "account-dialog" },
    h(
      "div",
      { class: "stack" },
      h("h2", { id: "account-title" }, t("account")),
      h("h3", {}, t("account.sessions")),
      sessions,
      password,
      email,
      steps,
      error,
      done,
      h("div", { class: "dialog-buttons" }, h("button", { class: "quiet", type: "button", onclick: () => dialog.close() }, t("close"))),
    ),
  );

  async function attempt(action) {
    error.textContent = done.textContent = "";
    try {
      await action();
    } catch (refusal) {
      if (refusal.code === "auth.confirm") await confirm(action);
      else error.textContent = errorText(refusal);
    }
  }

  async function draw() {
    const found = await api.sessions();
    sessions.replaceChildren(...found.map((each) => row(each, () => void attempt(() => end(each.id)))));
  }

  async function end(id) {
    await api.endSession(id);
    await draw();
  }

  function changePassword(event) {
    event.preventDefault();
    const given = Object.fromEntries(new FormData(password));
    return attempt(async () => {
      await api.changePassword(given);
      password.reset();
      done.textContent = t("account.passwordChanged");
      await draw();
    });
  }

  /** An address is of use only where the server sends mail. */
  async function offerEmail() {
    const methods = await api.loginMethods();
    if (!methods.some(({ name }) => name === "forgotten")) return;
    drawEmail(await api.email());
    email.hidden = false;
  }

  function drawEmail({ email: address, pending }) {
    email.elements.email.value = address ?? "";
    emailState.textContent = pending ? t("account.emailPending", { email: pending }) : "";
  }

  function saveEmail(event) {
    event.preventDefault();
    const address = email.elements.email.value;
    return attempt(async () => drawEmail(await api.setEmail(address)));
  }

  async function removeEmail() {
    drawEmail(await api.setEmail(null));
  }

  /** Has the person confirm with the password, then does the action again. */
  async function confirm(action) {
    const progress = await api.loginBegin({ method: "password", purpose: "confirm" });
    follow(progress, t("account.confirm"), () => void attempt(action));
  }

  function follow(progress, title, then) {
    const element = h("login-steps", { api, progress });
    element.addEventListener("login-done", () => {
      steps.replaceChildren(...buttons);
      then();
    });
    element.addEventListener("login-left", ({ detail }) => {
      steps.replaceChildren(...buttons);
      if (detail.error) error.textContent = errorText(detail.error);
    });
    steps.replaceChildren(h("h3", {}, title), element);
  }

  let buttons = [];
  async function offer() {
    buttons = (await api.loginMethods("link")).map(({ name, label }) =>
      h(
        "button",
        { class: "quiet wide", type: "button", "data-testid": `link-${name}`, onclick: () => void attempt(() => link(name, label)) },
        t("account.add", { name: label }),
      ),
    );
    steps.replaceChildren(...buttons);
  }

  async function link(name, label) {
    const progress = await api.loginBegin({ method: name, purpose: "link" });
    follow(progress, label, () => (done.textContent = t("account.added", { name: label })));
  }

  show(dialog);
  void attempt(draw);
  void attempt(offerEmail);
  void attempt(offer);
}

function row({ current, created, agent, address, id }, onend) {
  const time = created && new Intl.DateTimeFormat(currentLanguage(), { dateStyle: "medium", timeStyle: "short" }).format(new Date(created));
  return h(
    "li",
    { "data-testid": `session-${id}` },
    h("span", {}, [current && t("account.thisSession"), time, address].filter(Boolean).join(" · ")),
    h("small", { class: "muted", dir: "auto" }, agent),
    !current && h("button", { class: "quiet", type: "button", onclick: onend }, t("account.end")),
  );
}

function input(name, label, autocomplete) {
  return h(
    "label",
    { class: "field" },
    h("span", {}, t(label)),
    h("input", { type: "password", name, autocomplete, required: true, "data-testid": `password-${name}` }),
  );
}
