/**
 * The settings: a list of pages at the side, and the chosen one, loaded when it is opened. Staff of the server has
 * those of the server, too, and plugins add pages to both. Needs `session`, `store`, `places`, `api`, `notices` and the
 * attribute data-page. Fires "settings-closed".
 */

import { h, icon, ICONS } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { frozen } from "../lib/plugins.js";
import { isStaff } from "../lib/rights.js";
import "./later-texts.js";
import { labelOf } from "./plugin-place.js";
import "./settings-sheet.js";
import { PAGES } from "./settings/pages.js";
import { View } from "./view.js";

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
  #server = null; // the pages for staff, once they are loaded
  #failed = false; // they could not be loaded

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
    void this.#loadServer();
  }

  draw() {
    const groups = this.#groups();
    const all = groups.flatMap(({ pages }) => pages);
    const named = all.find(({ key }) => key === this.dataset.page);
    const wanted = named ?? all[0];
    const focused = this.#nav.contains(document.activeElement);
    this.#nav.replaceChildren(...groups.filter(({ pages, again }) => pages.length || again).map((group) => list(group, wanted)));
    if (focused) this.#nav.querySelector("[aria-current]")?.focus();
    if (!named && this.dataset.page && this.#isWaiting()) {
      this.#shown = null;
      this.#title.textContent = t("settings");
      this.#content.replaceChildren(loading());
      return;
    }
    if (wanted.of === this.#shown) return;
    this.#shown = wanted.of;
    this.#title.textContent = wanted.label;
    void this.#show(wanted);
  }

  /** Whether pages may still come. */
  #isWaiting() {
    return isStaff(this.store.me.role) && !this.#server && !this.#failed;
  }

  async #loadServer() {
    if (!isStaff(this.store.me.role)) return;
    try {
      this.#server = (await import("./settings/staff/pages.js")).PAGES;
      this.#failed = false;
    } catch {
      this.#failed = true;
    }
    if (this.isConnected) this.draw();
  }

  async #show(wanted) {
    this.#content.replaceChildren(loading());
    try {
      const page = await wanted.make();
      if (this.#shown === wanted.of) this.#content.replaceChildren(page);
    } catch (error) {
      console.error(error);
      if (this.#shown !== wanted.of) return;
      const again = () => void this.#show(wanted);
      this.#content.replaceChildren(
        h("p", { class: "form-error", role: "alert" }, t("error.connection.lost")),
        h("button", { class: "quiet", type: "button", "data-testid": "settings-again", onclick: again }, t("plugin.again")),
      );
    }
  }

  #groups() {
    const own = { heading: "settings.own", pages: [...this.#built(PAGES), ...this.#added("settings.page/v1")] };
    if (!isStaff(this.store.me.role)) return [own];
    const again = this.#failed ? () => void this.#loadServer() : null;
    return [own, { heading: "settings.server", again, pages: [...this.#built(this.#server ?? []), ...this.#added("admin.page/v1")] }];
  }

  #built(pages) {
    return pages.map(([key, label, load]) => ({ key, of: load, label: t(label), make: async () => (await load())(this) }));
  }

  #added(place) {
    return this.places.in(place).map((item) => {
      const context = Object.freeze({ user: frozen(this.store.me) });
      return { key: item.key, of: item, label: labelOf(item), make: () => h("plugin-place", { item, context }) };
    });
  }
}

function loading() {
  return h("p", { class: "muted", role: "status" }, t("list.loading"));
}

function list({ heading, pages, again = null }, wanted) {
  const links = pages.map(({ key, label }) =>
    h(
      "li",
      {},
      h("a", { href: `#${new URLSearchParams({ settings: key })}`, dir: "auto", "aria-current": key === wanted.key && "page", "data-testid": `settings-${key}` }, label),
    ),
  );
  const retry = again && h("button", { class: "quiet", type: "button", onclick: again }, t("plugin.again"));
  return h("section", {}, h("h2", {}, t(heading)), h("ul", {}, ...links), retry);
}

customElements.define("settings-view", SettingsView);
