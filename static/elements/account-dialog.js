/** The dialog about one's own account: sessions, the password, ways to sign in that can be added, parts of plugins. */

import { h } from "../lib/dom.js";
import { currentLanguage, errorText, t } from "../lib/i18n.js";
import { show } from "./dialogs.js";
import "./login-steps.js";
import { labelOf } from "./plugin-place.js";

/** `api` as in lib/api.js, `places` as in lib/places.js. */
export function showAccount(api, places) {
  const sessions = h("ul", { class: "sessions", "data-testid": "sessions" });
  const error = h("p", { class: "form-error", role: "alert", "data-testid": "account-error" });
  const done = h("p", { class: "muted", role: "status", "data-testid": "account-done" });
  const steps = h("div", { class: "stack" });
  const parts = h("div", { class: "stack" });
  const password = h(
    "form",
    { class: "stack", method: "post", onsubmit: (event) => void changePassword(event) },
    h("h3", {}, t("account.password")),
    input("old", "account.oldPassword", "current-password"),
    input("new", "account.newPassword", "new-password"),
    h("button", { class: "primary", type: "submit", "data-testid": "change-password" }, t("account.changePassword")),
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
      parts,
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
      if (refusal.code === "auth.confirm") await attempt(() => confirm(action));
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

  /** Has the person confirm with the password or another method, then does the action again. */
  async function confirm(action) {
    const title = t("account.confirm");
    const begin = async (method) => follow(await api.loginBegin({ method, purpose: "confirm" }), title, () => void attempt(action));
    const [others, hasPassword] = await Promise.all([api.loginMethods("confirm"), api.hasPassword()]);
    const methods = [...(hasPassword ? [{ name: "password", label: t("password") }] : []), ...others];
    if (methods.length === 1) return begin(methods[0].name);
    const choice = methods.map(({ name, label }) =>
      h("button", { class: "quiet wide", type: "button", "data-testid": `confirm-${name}`, onclick: () => void attempt(() => begin(name)) }, label),
    );
    const leave = h("button", { class: "quiet wide", type: "button", onclick: () => steps.replaceChildren(...buttons) }, t("cancel"));
    steps.replaceChildren(h("h3", {}, title), ...choice, leave);
    choice[0]?.focus();
  }

  /** What plugins add to the account. */
  function drawParts() {
    const items = places.in("account.parts/v1");
    parts.replaceChildren(...items.flatMap((item) => [h("h3", {}, labelOf(item)), h("plugin-place", { item, context: { attempt } })]));
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
    follow(progress, label, () => {
      done.textContent = t("account.added", { name: label });
      drawParts();
    });
  }

  show(dialog);
  drawParts();
  void attempt(draw);
  void attempt(offer);
}

function row({ current, created, agent, address, id }, onend) {
  const time = created && new Intl.DateTimeFormat(currentLanguage(), { dateStyle: "medium", timeStyle: "short" }).format(created * 1000);
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
