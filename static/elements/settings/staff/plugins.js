/**
 * The plugins of the server, for its staff: which are on, their hooks and powers, and what they claim, which can be
 * released.
 * Owners turn them on and off, and change their settings.
 */

import { h } from "../../../lib/dom.js";
import { t } from "../../../lib/i18n.js";
import { ask } from "../../dialogs.js";
import { Attempts } from "../attempts.js";
import { pluginSettings } from "./plugin-settings.js";

export function pluginsPage({ api, store }) {
  const isOwner = store.me.role === "owner";
  const attempts = new Attempts(api);
  const rows = h("ul", { class: "rows", "data-testid": "plugins" });

  const others = h("ul", { class: "rows", "data-testid": "available" });
  const rest = h("section", { class: "stack", hidden: true }, h("h3", {}, t("admin.available")), others);
  const names = h("datalist", { id: "plugin-names" });
  const another = h("input", { list: "plugin-names", name: "name", required: true, "aria-label": t("admin.pluginName"), placeholder: t("admin.pluginName"), autocapitalize: "none", autocomplete: "off", spellcheck: "false", "data-testid": "plugin-name" });
  const form = h(
    "form",
    { class: "invite-row", onsubmit: (event) => void turnOn(event) },
    another,
    names,
    h("button", { class: "quiet", "data-testid": "plugin-on" }, t("admin.turnOn")),
  );

  async function draw() {
    const { plugins, available } = await api.plugins();
    rows.replaceChildren(...plugins.map(row));
    others.replaceChildren(...available.map(installed));
    names.replaceChildren(...available.map(({ name }) => h("option", { value: name })));
    rest.hidden = available.length === 0;
  }

  /** A plugin that could be turned on. */
  function installed({ name, about }) {
    const turn = isOwner && h("button", { class: "quiet", type: "button", "aria-label": `${t("admin.turnOn")}: ${name}`, "data-testid": "on", onclick: () => void change(name, "on") }, t("admin.turnOn"));
    return h("li", { "data-testid": `available-${name}` }, h("span", { class: "row-main" }, h("strong", {}, name), h("small", { class: "muted row-more", dir: "auto" }, about)), turn, isOwner && settings(name));
  }

  async function turnOn(event) {
    event.preventDefault();
    await change(another.value.trim(), "on");
  }

  async function change(name, action) {
    if (action === "off" && !(await ask(t("admin.offConfirm", { name }), t("admin.turnOff")))) return;
    await attempts.run(async () => {
      await api.switchPlugin(name, action);
      another.value = "";
      await draw();
    }, t("settings.saved"));
  }

  function switches({ name, on }) {
    const actions = on ? { reload: t("admin.reload"), off: t("admin.turnOff") } : { on: t("admin.turnOn") };
    return Object.entries(actions).map(([action, label]) =>
      h("button", { class: "quiet", type: "button", "aria-label": `${label}: ${name}`, "data-testid": action, onclick: () => void change(name, action) }, label),
    );
  }

  /** What the plugin's author declares that it uses, and its secret settings. */
  function declared({ powers, secret_settings: secrets }) {
    const parts = {
      "admin.network": powers?.network ?? [],
      "admin.secrets": [...secrets, ...(powers?.secrets ?? []).map((name) => `$${name}`)],
      "admin.service": powers?.service ?? [],
    };
    const texts = Object.entries(parts).flatMap(([key, items]) => (items.length > 0 ? [t(key, { list: items.join(", ") })] : []));
    if (!powers) texts.push(t("admin.undeclared"));
    return h("small", { class: "muted", "data-testid": "powers" }, texts.join(" · ") || t("admin.noPowers"));
  }

  function row(plugin) {
    const { name, on, hooks, claims, about, secret_settings: secrets } = plugin;
    const shown = h("span", { class: "row-main" }, h("strong", {}, name), !on && h("strong", { class: "form-error" }, ` ${t("admin.off")}`), h("small", { class: "muted row-more", dir: "auto" }, about));
    return h(
      "li",
      { class: "plugin-row", "data-testid": `plugin-${name}` },
      isOwner ? h("div", { class: "plugin-head" }, shown, ...switches({ name, on })) : shown,
      on && secrets && declared(plugin),
      isOwner && settings(name),
      hooks.length > 0 && h("details", { class: "row-details" }, h("summary", {}, t("admin.hooks")), h("small", { class: "muted" }, hooks.join(", "))),
      claims.length > 0 && h("ul", { class: "claims" }, ...claims.map((claim) => claimed(claim))),
    );
  }

  /** A form with the settings, read when it is opened. */
  function settings(name) {
    const form = pluginSettings({ api, name, attempts });
    const ontoggle = ({ currentTarget }) => currentTarget.open && void form.open();
    return h("details", { class: "row-details", "data-testid": "plugin-settings", ontoggle }, h("summary", { "aria-label": `${t("admin.settings")}: ${name}` }, t("admin.settings")), form.node);
  }

  function users({ users, is_more, roles }) {
    const found = [];
    if (users !== null) found.push(t("admin.claimUsers", { count: users.toLocaleString() + (is_more ? "+" : "") }));
    if (roles.length > 0) found.push(t("admin.claimRoles", { roles: roles.map((role) => t(`role.${role}`)).join(", ") }));
    return found.join(", ");
  }

  function claimed(claim) {
    const { plugin, action, room } = claim;
    const some = users(claim);
    const text = some
      ? t("admin.claimSome", { action: room ? `${action} (${room})` : action, users: some })
      : t("admin.claim", { action, room: room ?? t("admin.allRooms") });
    const release = async () => {
      if (!(await ask(t("admin.releaseConfirm", { plugin, action }), t("admin.release")))) return;
      await attempts.run(async () => {
        await api.releaseClaim({ plugin, action, room });
        await draw();
      }, t("settings.saved"));
    };
    return h("li", {}, h("span", {}, text), h("button", { class: "quiet", type: "button", "data-testid": "release", "aria-label": `${t("admin.release")}: ${text}`, onclick: () => void release() }, t("admin.release")));
  }

  void attempts.run(draw);
  return h("div", { class: "stack" }, h("p", { class: "muted" }, t("admin.pluginsLead")), isOwner && form, attempts.node, rows, rest);
}
