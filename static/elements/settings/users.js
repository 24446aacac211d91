/** All accounts, for staff of the server: to find, to lock out, and to give roles. */

import { h } from "../../lib/dom.js";
import { t } from "../../lib/i18n.js";
import { avatar } from "../avatar.js";
import { Attempts } from "./attempts.js";

const ROLES = ["owner", "admin", "member", "guest"];

export function usersPage({ api, store }) {
  const { me } = store;
  const attempts = new Attempts(api);
  const field = h("input", { type: "search", name: "text", "aria-label": t("admin.find"), placeholder: t("admin.find"), autocomplete: "off", dir: "auto", "data-testid": "users-search" });
  const rows = h("ul", { class: "rows", "data-testid": "users" });
  const none = h("p", { class: "muted", role: "status" });
  const more = h("button", { class: "quiet wide", type: "button", hidden: true, onclick: () => void attempts.run(() => load()) }, t("search.more"));
  let after = "";

  async function load() {
    const asked = field.value.trim();
    const found = await api.users(asked, after);
    if (asked !== field.value.trim()) return; // another search began meanwhile
    rows.append(...found.users.map(row));
    after = found.after;
    more.hidden = after === null;
    none.textContent = rows.childElementCount === 0 && more.hidden ? t("search.none") : "";
  }

  function search(event) {
    event?.preventDefault();
    after = "";
    rows.replaceChildren();
    return attempts.run(load);
  }

  function row(user) {
    const { id, username, name, role, disabled, bot, deleted } = user;
    const show = (now) => rows.querySelector(`[data-user="${CSS.escape(id)}"]`)?.replaceWith(row(now));
    const change = async (fields) => {
      let now = user; // a refusal leaves the account as it is
      const done = async () => show((now = await api.changeUser(username, fields)));
      await attempts.run(done, t("settings.saved"));
      show(now);
    };
    const isOwner = me.role === "owner";
    const mayChange = id !== me.id && !deleted && (isOwner || !["owner", "admin"].includes(role));
    const roles = ROLES.filter((each) => each === role || isOwner || !["owner", "admin"].includes(each));
    const select = h(
      "select",
      { "aria-label": t("admin.role", { name }), disabled: !mayChange || bot, "data-testid": "user-role", onchange: () => void change({ role: select.value }) },
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
    );
  }

  void search();
  return h(
    "div",
    { class: "stack" },
    h("form", { class: "invite-row", role: "search", onsubmit: (event) => void search(event) }, field, h("button", { class: "primary" }, t("search.do"))),
    attempts.node,
    rows,
    none,
    more,
  );
}
