/** One account, for staff: where it is signed in, and, for those who may decide that, how its user gets in again. */

import { h } from "../../../lib/dom.js";
import { formatFull, t } from "../../../lib/i18n.js";
import { frozen } from "../../../lib/plugins.js";
import "../../account-texts.js";
import { ask } from "../../dialogs.js";
import "../../later-texts.js";
import { copyField } from "../copy-field.js";
import { check, field, form } from "../form.js";
import { listing } from "../listing.js";
import { pluginParts } from "../plugin-parts.js";
import { sessionRow } from "../sessions.js";

/** `rules` tells whether the reader may decide who gets into the account of `user`. */
export function userPanel({ api, attempts, user, rules, places }) {
  const since = h("p", { class: "muted" }, t("admin.since", { time: formatFull(new Date(user.at)) }));
  const parts = [since, sessions({ api, attempts, user, rules })];
  if (rules) parts.push(reset({ api, attempts, user }), password({ api, attempts, user }));
  parts.push(email({ api, attempts, user, rules }), pluginParts(places, "admin.user/v1", { user: frozen(user) }));
  return h("div", { class: "stack row-panel" }, ...parts);
}

function sessions({ api, attempts, user, rules }) {
  const load = async () => {
    const items = await api.sessionsOf(user.username);
    all.hidden = !rules || items.length === 0;
    return { items, after: null };
  };
  const list = listing({ load, row: (each) => sessionRow(each, null), empty: t("admin.noSessions"), testid: "user-sessions" });
  const end = async () => {
    if (!(await ask(t("admin.endSessionsConfirm", { name: user.name }), t("admin.endSessions")))) return;
    await attempts.run(async () => {
      await api.endSessionsOf(user.username);
      await list.reload();
    }, t("settings.saved"));
  };
  const all = h("button", { class: "quiet", type: "button", hidden: true, "data-testid": "user-end-sessions", onclick: () => void end() }, t("admin.endSessions"));
  void list.reload();
  return h("section", { class: "stack" }, h("h3", {}, t("admin.sessions")), list.node, h("div", {}, all));
}

function reset({ api, attempts, user }) {
  const made = h("div", { class: "stack", role: "status" });
  const make = async () => {
    const { link, expires } = await api.resetLink(user.username);
    const until = h("p", { class: "muted" }, t("admin.resetUntil", { time: formatFull(new Date(expires)) }));
    made.replaceChildren(copyField({ value: link, label: t("admin.resetLink"), testid: "user-reset-link" }), until);
  };
  const button = h("button", { class: "quiet", type: "button", "data-testid": "user-reset", onclick: () => void attempts.run(make) }, t("admin.resetMake"));
  return h("section", { class: "stack" }, h("h3", {}, t("admin.resetLink")), h("p", { class: "muted" }, t("admin.resetLead")), h("div", {}, button), made);
}

function password({ api, attempts, user }) {
  const node = form({
    testid: "user-password",
    action: t("admin.setPassword"),
    attempts,
    fields: [
      field({ name: "password", label: t("account.newPassword"), type: "password", required: true, autocomplete: "new-password" }),
      check({ name: "must_change", label: t("admin.mustChange"), checked: true }),
    ],
    save: async (values) => {
      await api.setPasswordOf(user.username, values);
      node.reset();
    },
  });
  return h("section", { class: "stack" }, h("h3", {}, t("admin.setPassword")), h("p", { class: "muted" }, t("admin.setPasswordLead")), node);
}

function email({ api, attempts, user, rules }) {
  const input = h("input", { name: "email", type: "email", autocomplete: "off", disabled: !rules, "data-testid": "user-email" });
  const save = async ({ email: wanted }) => show(await api.setEmailOf(user.username, wanted.trim() || null));
  const show = ({ email: known }) => (input.value = known ?? "");
  const label = field({ name: "email", label: t("account.email"), input });
  void attempts.run(async () => show(await api.emailOf(user.username)));
  return rules ? form({ testid: "user-email-form", fields: [label], save, attempts }) : label;
}
