/** The password, one's own e-mail address, the other ways to sign in, second steps among them, and what plugins add to these. */

import { h } from "../../lib/dom.js";
import { formatFull, said, t } from "../../lib/i18n.js";
import "../account-texts.js";
import "../later-texts.js";
import { Attempts } from "./attempts.js";
import { emailForm } from "./email.js";
import { pluginParts } from "./plugin-parts.js";

export function securityPage({ api, store, places }) {
  const attempts = new Attempts(api);
  const old = input("old", "account.oldPassword", "current-password");
  const password = h(
    "form",
    { class: "stack", method: "post", onsubmit: (event) => void changePassword(event) },
    h("h3", {}, t("account.password")),
    h("input", { type: "text", name: "username", value: store.me.username, autocomplete: "username", hidden: true, readonly: true }),
    old,
    input("new", "account.newPassword", "new-password"),
    h("div", {}, h("button", { class: "primary", type: "submit", "data-testid": "change-password" }, t("account.changePassword"))),
  );
  const email = emailForm({ api, attempts });
  const linked = h("ul", { class: "rows", "data-testid": "identities" });
  const buttons = h("div", { class: "stack" });
  const methods = h("section", { class: "stack" }, h("h3", {}, t("settings.methods")), linked, buttons);
  const parts = pluginParts(places, "account.parts/v1", { attempt: (action) => attempts.run(action) });

  async function draw() {
    const [{ identities, has_password: has }, others] = await Promise.all([api.identities(), api.loginMethods("link")]);
    old.hidden = !has;
    old.querySelector("input").required = has;
    linked.replaceChildren(...identities.map(row));
    buttons.replaceChildren(...others.map(({ name, label }) => button(name, said(label))));
    methods.hidden = identities.length + others.length === 0;
  }

  function row({ id, method, name, at }) {
    const remove = async () => {
      await api.unlink(id);
      await draw();
    };
    return h(
      "li",
      {},
      h("span", { class: "row-main", dir: "auto" }, [method, name].filter(Boolean).join(" · ")),
      h("small", { class: "muted" }, at && formatFull(new Date(at))),
      h("button", { class: "quiet", type: "button", onclick: () => void attempts.run(remove) }, t("settings.remove")),
    );
  }

  function button(name, label) {
    const link = async () => {
      const progress = await api.loginBegin({ method: name, purpose: "link" });
      const added = async () => {
        parts.renew();
        await draw();
      };
      attempts.follow(progress, label, () => void attempts.run(added, t("account.added", { name: label })));
    };
    return h("button", { class: "quiet wide", type: "button", "data-testid": `link-${name}`, onclick: () => void attempts.run(link) }, t("account.add", { name: label }));
  }

  function changePassword(event) {
    event.preventDefault();
    const { old: before = "", new: chosen } = Object.fromEntries(new FormData(password));
    return attempts.run(async () => {
      await api.changePassword({ old: before, new: chosen }).catch((error) => {
        // It means both the user name and the password elsewhere, and only the password was typed here.
        throw error.code === "auth.invalid" ? { ...error, detail: { texts: t("account.wrongPassword") } } : error;
      });
      password.reset();
      await draw();
    }, t("account.passwordChanged"));
  }

  void attempts.run(draw);
  void attempts.run(email.offer);
  return h("div", { class: "stack" }, password, email.form, methods, parts, attempts.node);
}

function input(name, label, autocomplete) {
  return h(
    "label",
    { class: "field" },
    h("span", {}, t(label)),
    h("input", { type: "password", name, autocomplete, required: true, "data-testid": `password-${name}` }),
  );
}
