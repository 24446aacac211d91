/** All accounts, for staff of the server: to find and to add, to lock out, to give roles, and what is in `user-panel.js`. */

import { h } from "../../../lib/dom.js";
import { t } from "../../../lib/i18n.js";
import { isStaff, rulesAccount } from "../../../lib/rights.js";
import "../../account-texts.js";
import { avatar } from "../../avatar.js";
import { Attempts } from "../attempts.js";
import { check, field, form } from "../form.js";
import { listing, searchForm } from "../listing.js";
import { userPanel } from "./user-panel.js";

const ROLES = ["owner", "admin", "member", "guest"];

export function usersPage({ api, store, places }) {
  const { me } = store;
  const attempts = new Attempts(api);
  const find = searchForm({ label: t("admin.find"), testid: "users-search", search: () => list.reload() });
  const list = listing({
    load: async (after) => {
      const { users, after: next } = await api.users(find.text(), after);
      return { items: users, after: next };
    },
    row,
    empty: t("search.none"),
    testid: "users",
  });

  function row(user) {
    const { id, username, name, role, disabled, bot, deleted } = user;
    const show = (now) => list.rows.querySelector(`[data-user="${CSS.escape(id)}"]`)?.replaceWith(row(now));
    const change = async (fields) => {
      let now = user; // a refusal leaves the account as it is
      const done = async () => show((now = await api.changeUser(username, fields)));
      await attempts.run(done, t("settings.saved"));
      show(now);
    };
    const isOwner = me.role === "owner";
    const mayChange = id !== me.id && !deleted && (isOwner || !isStaff(role));
    const roles = ROLES.filter((each) => each === role || isOwner || !isStaff(each));
    const select = h(
      "select",
      { "aria-label": t("role.of", { name }), disabled: !mayChange || bot, "data-testid": "user-role", onchange: () => void change({ role: select.value }) },
      ...roles.map((each) => h("option", { value: each, selected: each === role }, t(`role.${each}`))),
    );
    const lock = t(disabled ? "admin.unlock" : "admin.lock");
    const state = [bot && t("admin.bot"), deleted ? t("admin.deleted") : disabled && t("admin.locked")].filter(Boolean).join(" · ");
    return h(
      "li",
      { class: disabled && "locked", "data-testid": "user", "data-user": id },
      avatar({ id, name: name || username }),
      h("span", { class: "row-main", dir: "auto" }, name, h("small", { class: "muted" }, ` @${username}${state && ` · ${state}`}`)),
      select,
      h(
        "button",
        {
          class: "quiet",
          type: "button",
          hidden: id === me.id || role === "owner" || deleted,
          "aria-label": `${lock}: ${name}`,
          "data-testid": "user-lock",
          onclick: () => void change({ disabled: !disabled }),
        },
        lock,
      ),
      !deleted && !bot && more(user),
    );
  }

  /** What is needed less often, read when it is opened. */
  function more(user) {
    const panel = h("div", { class: "stack" });
    const rules = user.id !== me.id && rulesAccount(me.role, user.role);
    const ontoggle = ({ currentTarget }) => {
      if (currentTarget.open && !panel.firstChild) panel.append(userPanel({ api, attempts, user, rules, places }));
    };
    return h("details", { class: "row-details", "data-testid": "user-more", ontoggle }, h("summary", { "aria-label": `${t("admin.more")}: ${user.name}` }, t("admin.more")), panel);
  }

  function adding() {
    const node = form({
      testid: "add-user",
      action: t("admin.addUser"),
      done: t("admin.added"),
      attempts,
      fields: [
        field({ name: "username", label: t("username"), required: true, maxlength: "64", autocapitalize: "none", spellcheck: "false", "data-testid": "add-username" }),
        field({ name: "name", label: t("displayName"), maxlength: "80", "data-testid": "add-name" }),
        field({ name: "password", label: t("admin.firstPassword"), type: "password", required: true, autocomplete: "new-password", "data-testid": "add-password" }),
        check({ name: "must_change", label: t("admin.mustChange"), checked: true }),
      ],
      save: async ({ username, name, password, must_change: mustChange }) => {
        await api.addUser({ username, password, must_change: mustChange, ...(name && { name }) });
        node.reset();
        await list.reload();
      },
    });
    return h("details", { class: "adding", "data-testid": "adding" }, h("summary", {}, t("admin.addUser")), h("p", { class: "muted" }, t("admin.addLead")), node);
  }

  void list.reload();
  return h("div", { class: "stack" }, find.form, adding(), attempts.node, list.node);
}
