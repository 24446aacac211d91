/**
 * The side bar: who I am, creating and choosing rooms, and one field that finds rooms, people, settings and actions. Needs `session`, `store`, `places`, `active` (a room's id).
 * Fires "room-chosen" ({room}) and "message-chosen" ({room, seq}).
 *
 * A message changes the row of its room, in place. The list is sorted anew when a room comes, goes, has another name or
 * another group, but never between the press of a mouse button and its release: the click would go to another row, or to none.
 */

import { h, icon, ICONS } from "../lib/dom.js";
import { drawSoon } from "../lib/drawing.js";
import { currentLanguage, t } from "../lib/i18n.js";
import { isStaff } from "../lib/rights.js";
import { ARCHIVED, groupOf, groupsOf, OTHER } from "../lib/sections.js";
import { bare, roomTitle } from "../lib/titles.js";
import { turnedGroups, turnGroup } from "../lib/turned.js";
import { avatar } from "./avatar.js";
import { Keyed } from "./keyed.js";
import { languageSelect } from "./language-select.js";
import { loaded, showShortcuts } from "./loaded.js";
import "./menu-button.js";
import { RoomGroup } from "./room-group.js";
import { makeActRow, roomItem, rowKey, updateActRow } from "./room-row.js";
import { signOut } from "./sign-out.js";
import { bars } from "./skeleton.js";
import { sidePanels } from "./side-panels.js";
import { showStatus } from "./status-mark.js";
import { tellError } from "./toasts.js";
import { View } from "./view.js";

class RoomList extends View {
  session;
  store;
  places;
  #active = null;
  #filter;
  #nav;
  #empty;
  #loading;
  #groups = []; // of rooms, in the order shown
  #byKey = new Map(); // the same
  #sections; // where they stand
  #finder = null; // the module that finds what is no room
  #people = null; // those whom plugins find by what is looked for
  #acts; // what else the field finds: {section, rows, items}
  #turned = new Set(); // keys of groups that were collapsed or, as those of archived rooms are at first, opened
  #rowMenu; // of the row that somebody points at or is in
  #me;
  #quiet = null; // the mark that I am not to be disturbed, once I have preferences about notices
  #observer; // of the ends of groups that have more rows
  #stop = null; // the row that Tab goes to
  #changed = new Set(); // ids of rooms whose rows are to be drawn
  #drawChanged = () => {
    const ids = [...this.#changed];
    this.#changed.clear();
    if (this.isConnected) this.#drawRows(ids);
  };
  #pressed = false;
  #stale = false; // something changed while a button of the mouse was pressed

  build() {
    const { name, username } = this.store.me;
    this.#me = h("span", { class: "my-name", dir: "auto", title: `@${username}`, "data-testid": "my-name" });
    this.#filter = h("input", {
      type: "search",
      class: "filter",
      placeholder: t("rooms.filter"),
      "aria-label": t("rooms.filter"),
      "aria-keyshortcuts": "Control+K",
      dir: "auto",
      autocomplete: "off",
      "data-testid": "room-filter",
      oninput: () => this.#onFilter(),
      onfocus: () => void this.#prepare(),
      onkeydown: (event) => this.#onFilterKey(event),
    });
    this.#empty = h("p", { class: "muted empty", hidden: true });
    this.#loading = h("div", { "data-testid": "rooms-loading" }, ...bars("div"));
    const sections = h("div");
    this.#groups = [];
    this.#byKey.clear();
    this.#sections = new Keyed(sections, { make: (group) => group.section, update: () => {} });
    this.#acts = this.#actGroup();
    this.#rowMenu = this.#quiet = null;
    this.#nav = h(
      "nav",
      { class: "room-groups", "aria-label": t("rooms"), "data-testid": "room-list" },
      this.#loading,
      this.#empty,
      sections,
      this.#acts.section,
    );
    this.append(this.#head(), h("div", { class: "side-filter" }, this.#filter), this.#nav, this.#foot(name || username));
    this.#observer = new IntersectionObserver((seen) => this.#onEnds(seen), { root: this.#nav, rootMargin: "600px" });
    this.listen(this.#nav, "keydown", (event) => this.#onListKey(event));
    this.listen(this.#nav, "focusin", ({ target }) => {
      this.#stopAt(rowKey(target));
      this.#withMenu((menu) => menu.place(target));
    });
    this.listen(this.#nav, "pointerover", ({ target, pointerType }) => pointerType !== "touch" && this.#withMenu((menu) => menu.place(target)));
    this.listen(this.#nav, "contextmenu", (event) => this.#onContextMenu(event));
    this.listen(this.#nav, "pointerdown", () => {
      this.#pressed = true;
    });
    for (const type of ["pointerup", "pointercancel", "blur"]) this.listen(window, type, () => this.#released());
    this.listen(this.store, "change", ({ detail }) => this.#onChange(detail));
    for (const type of ["change", "written"]) this.listen(this.session.drafts, type, ({ detail }) => this.store.room(detail.room) && this.#drawRowSoon(detail.room));
    this.listen(this.session.preferences.account, "change", () => this.redraw());
    this.listen(this.session.statuses, "change", ({ detail }) => detail.users.has(this.store.me.id) && this.redraw());
  }

  /** Somebody is about to look for something. Resolves when all that can be found is here. */
  async #prepare() {
    this.session.lookForRooms();
    try {
      this.#finder ??= await import("./switcher.js");
      this.#people ??= this.#finder.finderOf(this.places, () => this.redraw());
      if (isStaff(this.store.me.role)) await this.#finder.findStaffPages();
    } catch {
      // Tried again next time.
    }
    if (this.#filter.value && this.isConnected) this.draw();
  }

  #head() {
    const button = (label, path, testid, onclick) =>
      h("button", { class: "round", type: "button", title: label, "aria-label": label, "data-testid": testid, onclick }, icon(path));
    return h(
      "div",
      { class: "side-head" },
      h("h1", {}, t("rooms")),
      h("side-panels", { places: this.places }),
      button(t("search"), ICONS.search, "search", () => void this.search()),
      button(t("directory"), ICONS.compass, "directory", () => void this.#browse()),
      button(t("room.create"), ICONS.plus, "new-room", () => void this.create()),
    );
  }

  #foot(name) {
    return h(
      "div",
      { class: "side-foot" },
      h("menu-button", {
        "data-floating": true,
        "data-label": t("you"),
        button: h("button", { class: "me", type: "button", title: t("you"), "data-testid": "user-menu" }, avatar({ id: this.store.me.id, name }), this.#me),
        items: () => this.#ownItems(),
      }),
      languageSelect(),
      h(
        "a",
        { class: "round", href: "#settings=profile", title: t("settings"), "aria-label": t("settings"), "data-testid": "account" },
        icon(ICONS.gear),
      ),
    );
  }

  #ownItems() {
    const setStatus = async () => (await loaded(import("./status-dialog.js")))?.askStatus({ statuses: this.session.statuses, me: this.store.me.id, places: this.places, account: this.session.preferences.account });
    return [
      { label: t("status.title"), icon: ICONS.edit, testid: "menu-status", run: () => void setStatus() },
      this.places.in("people.find/v1").length > 0 && { label: t("everybody"), icon: ICONS.people, testid: "menu-everybody", run: () => void this.#showEverybody() },
      { label: t("settings.profile"), icon: ICONS.person, testid: "menu-profile", href: "#settings=profile" },
      { label: [t("settings.notifications"), this.#quiet?.label].filter(Boolean).join(" · "), icon: ICONS.bell, testid: "menu-notifications", href: "#settings=notifications" },
      { label: t("settings.help"), icon: ICONS.help, testid: "menu-help", href: "#settings=help" },
      { label: t("keys"), icon: ICONS.keyboard, testid: "menu-keys", run: () => void showShortcuts() },
      { label: t("signOut"), icon: ICONS.leave, testid: "sign-out", run: () => void signOut(this.session) },
    ];
  }

  /** Has the groups that these rooms stand in, in their order. */
  #setGroups(keys) {
    const wanted = new Set(keys);
    for (const [key, group] of this.#byKey) {
      if (wanted.has(key)) continue;
      this.#observer.unobserve(group.end);
      this.#byKey.delete(key);
    }
    const act = { choose: (room) => this.#choose(room), toggle: (key) => this.#toggle(key), active: () => this.#active };
    this.#groups = keys.map((key) => {
      if (this.#byKey.has(key)) return this.#byKey.get(key);
      const group = new RoomGroup(key, act);
      this.#byKey.set(key, group);
      this.#observer.observe(group.end);
      return group;
    });
    this.#sections.show(this.#groups);
  }

  #toggle(key) {
    turnGroup(this.session.preferences.account, key, !this.#turned.has(key));
    this.draw();
  }

  /** Calls `act` with the menu of a row, which is loaded when somebody first points at one, or is in one. */
  #withMenu(act) {
    if (this.#rowMenu) act(this.#rowMenu);
    else void import("./row-menu.js").then(({ RowMenu }) => act((this.#rowMenu ??= new RowMenu(this))), console.error);
  }

  /** The other button of the mouse, a long press or a key of the keyboard. */
  #onContextMenu(event) {
    if (event.target.closest(".row-menu") || !this.store.room(rowKey(event.target))?.joined) return;
    event.preventDefault();
    this.#withMenu((menu) => menu.place(event.target) && menu.open());
  }

  #actGroup() {
    const list = h("ul");
    const rows = new Keyed(list, { make: (item) => makeActRow(item, (key) => this.#choose(key)), update: updateActRow });
    const section = h("section", { hidden: true, "aria-labelledby": "side-acts" }, h("h2", { id: "side-acts" }, t("switch.more")), list);
    return { section, rows, items: [] };
  }

  /** The room that is open, or null. */
  get active() {
    return this.#active;
  }

  set active(room) {
    const before = this.#active;
    this.#active = room;
    if (!this.#nav || before === room) return;
    for (const id of [before, room]) if (id && this.store.room(id) && !this.#drawRow(this.store.room(id))) this.redraw();
    if (!room || this.#nav.contains(document.activeElement)) return;
    this.#stopAt(room);
    if (!this.#button(room)) this.redraw(); // it is not in the list yet, or never will be
  }

  focusFilter() {
    this.#filter.focus();
    this.#filter.select();
  }

  /** Puts the focus into the list, where it was last. */
  focusRow() {
    (this.#button(this.#stop) ?? this.#filter).focus();
  }

  /** The joined rooms in the order shown, but for archived ones, for moving by keyboard. */
  order() {
    return this.#groups.filter(({ key }) => key !== OTHER && key !== ARCHIVED).flatMap(({ all }) => all.map(({ key }) => key));
  }

  draw() {
    if (this.#pressed) {
      this.#stale = true;
      return;
    }
    if (this.store.me) {
      this.#me.textContent = this.store.me.name || this.store.me.username;
      showStatus(this.#me, this.session.statuses.of(this.store.me.id));
      void this.#showQuiet();
    }
    this.#turned = turnedGroups(this.session.preferences.account);
    const before = this.#keys();
    const focused = this.#nav.contains(document.activeElement);
    const { compare } = new Intl.Collator(currentLanguage(), { numeric: true });
    const rooms = this.#found(compare);
    this.#setGroups(groupsOf(this.store.rooms.values(), compare));
    const byGroup = new Map(this.#groups.map(({ key }) => [key, []]));
    for (const item of rooms) byGroup.get(groupOf(item.room)).push(item);
    for (const group of this.#groups) group.show(byGroup.get(group.key), this.#isOpen(group.key));
    this.#acts.items = this.#foundActs();
    this.#acts.rows.show(this.#acts.items);
    this.#acts.section.hidden = this.#acts.items.length === 0;
    this.#loading.hidden = this.store.isKnown;
    this.#nav.setAttribute("aria-busy", String(!this.store.isKnown));
    this.#empty.hidden = rooms.length > 0 || !this.store.isKnown;
    this.#empty.textContent = t(this.#filter.value ? "rooms.noMatch" : "rooms.none");
    this.#stopAt([this.#stop, ...neighbours(before, this.#stop), this.#active].find((room) => this.#button(room)) ?? this.#keys()[0]);
    const stays = focused && this.#nav.contains(document.activeElement) && document.activeElement.checkVisibility();
    if (focused && !stays) (this.#button(this.#stop) ?? this.#filter).focus();
  }

  async #showQuiet() {
    const { signal } = this;
    const { account } = this.session.preferences;
    if (!this.#quiet && account.under("notify.").size) {
      const part = await import("./quiet-mark.js").catch(() => null); // tried again with the next change
      if (part && !signal.aborted) this.#quiet ??= new part.QuietMark({ name: this.#me, account, signal });
    }
    this.#quiet?.draw();
  }

  teardown() {
    this.#observer.disconnect();
  }

  /** What was looked for is shown, wherever it stands. */
  #isOpen(group) {
    return this.#turned.has(group) === (group === ARCHIVED) || this.#filter.value !== "";
  }

  #onFilter() {
    for (const group of this.#groups) group.showFirst();
    this.draw();
  }

  #onEnds(seen) {
    const reached = this.#groups.filter(({ end }) => seen.some(({ target, isIntersecting }) => isIntersecting && target === end));
    for (const group of reached) group.showMore();
    if (reached.length) this.redraw();
  }

  /** A message changes one row alone; rooms that come, go, or have another name change the list. */
  #onChange({ room, only }) {
    if (room === null) this.redraw();
    else if (only === "event") this.#drawRowSoon(room);
    else if (only !== "typing") this.#drawRows([room]);
  }

  #item(room) {
    return roomItem(room, this.session.drafts.has(room.id));
  }

  #drawRowSoon(room) {
    this.#changed.add(room);
    drawSoon(this.#drawChanged);
  }

  #drawRows(ids) {
    const rooms = ids.map((id) => this.store.room(id));
    const isWhole = rooms.map((room) => room && this.#drawRow(room)).every(Boolean);
    if (!isWhole) this.redraw();
  }

  /** Brings the row of a room up to date. Returns false if it belongs elsewhere in the list. */
  #drawRow(room) {
    const group = this.#byKey.get(groupOf(room));
    const row = group?.rows.node(room.id);
    if (!group || (!this.#isOpen(group.key) && group.shows(room) !== Boolean(row))) return false;
    if (!row) return group.all.some(({ key, title }) => key === room.id && title === roomTitle(room)) || Boolean(this.#filter.value);
    if (row.querySelector(".room-name").textContent !== roomTitle(room)) return false;
    group.rows.update(this.#item(room));
    return true;
  }

  #released() {
    if (!this.#pressed) return;
    // The click comes after the release.
    setTimeout(() => {
      this.#pressed = false;
      if (this.#stale && this.isConnected) this.redraw();
      this.#stale = false;
    });
  }

  #found(compare) {
    const text = bare(this.#filter.value.trim());
    return [...this.store.rooms.values()]
      .map((room) => this.#item(room))
      .filter(({ title }) => bare(title).includes(text))
      .sort((a, b) => compare(a.title, b.title));
  }

  /** What arrows move between: rows, and headings that are buttons. */
  #keys() {
    return [...this.#groups.flatMap(({ keys }) => keys), ...this.#acts.items.map(({ key }) => key)];
  }

  #button(key) {
    for (const group of this.#groups) {
      const button = group.button(key);
      if (button) return button;
    }
    return this.#acts.rows.node(key)?.firstChild ?? null;
  }

  /** The list is one stop for Tab: this row. */
  #stopAt(room) {
    this.#button(this.#stop)?.setAttribute("tabindex", "-1");
    this.#stop = room ?? null;
    this.#button(this.#stop)?.setAttribute("tabindex", "0");
  }

  /** Opens a room, or does what another row says. */
  #choose(room) {
    const act = this.#acts.items.find(({ key }) => key === room);
    this.#filter.value = "";
    if (act) {
      this.draw();
      this.#filter.focus(); // where it goes back to from a dialog
      act.run();
      return;
    }
    this.dispatchEvent(new CustomEvent("room-chosen", { detail: { room } }));
    this.redraw();
  }

  #foundActs() {
    const acts = {
      create: () => void this.create(),
      search: () => void this.search(),
      keys: () => void showShortcuts(),
      panels: sidePanels(this.places),
      signOut: () => void signOut(this.session),
      browse: (text) => void this.#browse(text),
      people: (text) => void this.#showEverybody(text),
      finder: this.#people,
      write: (username) => this.session.directByName(username).then((room) => this.#choose(room), tellError),
      writeTo: (id) => this.session.direct(id).then((room) => this.#choose(room), tellError),
    };
    return this.#finder?.found(this.#filter.value.trim(), this.store, acts) ?? [];
  }

  async #browse(text = "") {
    (await loaded(import("./finding.js")))?.FINDING.showDirectory({ session: this.session, places: this.places, text, open: (room) => this.#choose(room) });
  }

  async #showEverybody(text = "") {
    const { session, store, places } = this;
    (await loaded(import("./finding.js")))?.FINDING.showEverybody({ session, store, places, text, open: (room) => this.#choose(room) });
  }

  /** Looks for messages. */
  async search() {
    const { session, store, places } = this;
    const open = (place) => this.dispatchEvent(new CustomEvent("message-chosen", { bubbles: true, detail: place }));
    (await loaded(import("./search-dialog.js")))?.showSearch({ session, store, places, open });
  }

  /** Asks for a new room, and opens it. */
  async create() {
    const { session, places } = this;
    (await loaded(import("./new-room-dialog.js")))?.askNewRoom(
      async ({ name, kind }) => this.#choose(await (kind === "direct" ? session.directByNames(name) : session.create({ name, kind }))),
      places,
    );
  }

  /** The item of the first row. */
  #first() {
    return [...this.#groups, this.#acts].find(({ items }) => items.length > 0)?.items[0];
  }

  #onFilterKey(event) {
    if (event.isComposing) return;
    const [first] = this.#keys();
    if (event.key === "Enter" && this.#first()) {
      this.#choose(this.#first().key);
    } else if (event.key === "Enter" && this.#filter.value && !this.#finder) {
      void this.#prepare().then(() => this.#first() && this.#choose(this.#first().key));
    } else if (event.key === "ArrowDown" && first) {
      this.#button(first).focus();
      event.preventDefault();
    } else if (event.key === "Escape" && this.#filter.value) {
      this.#filter.value = "";
      this.draw();
      event.stopPropagation();
    }
  }

  /** Leads from a row to its menu, and back. Returns false for other keys. */
  #onSideways({ key }) {
    const [into, back] = getComputedStyle(this).direction === "rtl" ? ["ArrowLeft", "ArrowRight"] : ["ArrowRight", "ArrowLeft"];
    const row = document.activeElement;
    if (key === into && !this.#rowMenu?.hasFocus) this.#withMenu((menu) => menu.place(row) && menu.focus());
    else if (key === back && this.#rowMenu?.hasFocus) this.#button(this.#stop)?.focus();
    else return false;
    return true;
  }

  #onListKey(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (this.#onSideways(event)) {
      event.preventDefault();
      return;
    }
    const keys = this.#keys();
    const at = keys.indexOf(rowKey(document.activeElement));
    const to = { ArrowDown: Math.min(at + 1, keys.length - 1), ArrowUp: at - 1, Home: 0, End: keys.length - 1 }[event.key];
    if (to === undefined) return;
    (to < 0 ? this.#filter : this.#button(keys[to])).focus();
    event.preventDefault();
  }
}

/** The keys around one, the nearest first: what takes the place of a row that has gone. */
function neighbours(keys, key) {
  const at = keys.indexOf(key);
  return at < 0 ? [] : [...keys.slice(at + 1), ...keys.slice(0, at).reverse()];
}

customElements.define("room-list", RoomList);
