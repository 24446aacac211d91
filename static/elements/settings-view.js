/**
 * The settings: a list of pages at the side, and the chosen one. Staff of the server has those of the server, too, and
 * plugins add pages to both. Needs `session`, `store`, `places`, `api`, `notices` and the attribute data-page.
 * Fires "settings-closed".
 */

import { h, icon, ICONS } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { frozen } from "../lib/plugins.js";
import { labelOf } from "./plugin-place.js";
import { notificationsPage } from "./settings/notifications.js";
import { pluginsPage } from "./settings/plugins.js";
import { profilePage } from "./settings/profile.js";
import { securityPage } from "./settings/security.js";
import { sessionsPage } from "./settings/sessions.js";
import { usersPage } from "./settings/users.js";
import { View } from "./view.js";

const OWN = [
  ["profile", "settings.profile", profilePage],
  ["security", "settings.security", securityPage],
  ["sessions", "account.sessions", sessionsPage],
  ["notifications", "settings.notifications", notificationsPage],
];
const SERVER = [
  ["users", "admin.users", usersPage],
  ["plugins", "admin.plugins", pluginsPage],
];
const STAFF = new Set(["owner", "admin"]);

class SettingsView extends View {
  static observedAttributes = ["data-page"];
  session;
  store;
  places;
  api;
  notices;
  #nav;
  #title;
  #content;
  #shown = null;

  attributeChangedCallback() {
    if (this.isConnected && this.#nav) this.draw();
  }

  build() {
    const close = () => this.dispatchEvent(new CustomEvent("settings-closed", { bubbles: true }));
    const name = t("back");
    this.#shown = null;
    this.#nav = h("nav", { class: "settings-nav", "aria-label": t("settings"), "data-testid": "settings-nav" });
    this.#title = h("h2", { id: "settings-title", tabindex: "-1", dir: "auto" });
    this.#content = h("div", { class: "settings-content" });
    this.append(
      h(
        "div",
        { class: "settings-side" },
        h(
          "header",
          { class: "settings-head" },
          h("button", { class: "round", type: "button", title: name, "aria-label": name, "data-testid": "settings-close", onclick: close }, icon(ICONS.back)),
          h("h1", {}, t("settings")),
        ),
        this.#nav,
      ),
      h(
        "section",
        { class: "settings-page", "aria-labelledby": "settings-title", "data-testid": "settings-page" },
        h(
          "header",
          { class: "settings-head" },
          h("a", { class: "round back", href: "#settings=", title: t("settings"), "aria-label": t("settings") }, icon(ICONS.back)),
          this.#title,
        ),
        this.#content,
      ),
    );
    this.listen(this.places, "change", ({ detail }) => /^(settings|admin)\./.test(detail.place) && this.redraw());
  }

  draw() {
    const groups = this.#groups();
    const all = groups.flatMap(({ pages }) => pages);
    const wanted = all.find(({ key }) => key === this.dataset.page) ?? all[0];
    const focused = this.#nav.contains(document.activeElement);
    this.#nav.replaceChildren(...groups.filter(({ pages }) => pages.length).map((group) => list(group, wanted)));
    if (focused) this.#nav.querySelector("[aria-current]")?.focus();
    if (wanted.of === this.#shown) return;
    this.#shown = wanted.of;
    this.#title.textContent = wanted.label;
    this.#content.replaceChildren(wanted.make());
  }

  #groups() {
    const isStaff = STAFF.has(this.store.me.role);
    return [
      { heading: "settings.own", pages: [...this.#built(OWN), ...this.#added("settings.page/v1")] },
      { heading: "settings.server", pages: isStaff ? [...this.#built(SERVER), ...this.#added("admin.page/v1")] : [] },
    ];
  }

  #built(pages) {
    return pages.map(([key, label, make]) => ({ key, of: make, label: t(label), make: () => make(this) }));
  }

  #added(place) {
    return this.places.in(place).map((item) => {
      const context = Object.freeze({ user: frozen(this.store.me) });
      return { key: item.key, of: item, label: labelOf(item), make: () => h("plugin-place", { item, context }) };
    });
  }
}

function list({ heading, pages }, wanted) {
  const links = pages.map(({ key, label }) =>
    h(
      "li",
      {},
      h("a", { href: `#${new URLSearchParams({ settings: key })}`, dir: "auto", "aria-current": key === wanted.key && "page", "data-testid": `settings-${key}` }, label),
    ),
  );
  return h("section", {}, h("h2", {}, t(heading)), h("ul", {}, ...links));
}

customElements.define("settings-view", SettingsView);
