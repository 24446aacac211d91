/**
 * The side bar: who I am, creating and choosing rooms, and one field that finds rooms, people, settings and actions. Needs `session`, `store`, `active` (a room's id).
 * Fires "room-chosen" ({room}) and "message-chosen" ({room, seq}).
 *
 * A message changes the row of its room, in place. The list is sorted anew when a room comes, goes or has another name,
 * but never between the press of a mouse button and its release: the click would go to another row, or to none.
 */

import { h, icon, ICONS } from "../lib/dom.js";
import { currentLanguage, t } from "../lib/i18n.js";
import { isStaff } from "../lib/rights.js";
import { roomTitle } from "../lib/titles.js";
import { avatar } from "./avatar.js";
import { askNewRoom } from "./dialogs.js";
import { Keyed } from "./keyed.js";
import { languageSelect } from "./language-select.js";
import { loaded, showShortcuts } from "./loaded.js";
import "./menu-button.js";
import { makeActRow, makeRoomRow, roomItem, updateActRow, updateRoomRow } from "./room-row.js";
import { signOut } from "./sign-out.js";
import { bars } from "./skeleton.js";
import { findStaffPages, found, plain } from "./switcher.js";
import { tellError } from "./toasts.js";
import { View } from "./view.js";

const ROWS = 500; // of a group; more come as one scrolls to their end
const ARCHIVED = "rooms.archived"; // collapsed until somebody opens it or looks for a room
const GROUPS = [
  ["rooms.mine", (room) => room.joined && room.kind !== "direct" && !room.archived],
  ["rooms.direct", (room) => room.joined && room.kind === "direct"],
  ["rooms.other", (room) => !room.joined],
  [ARCHIVED, (room) => room.joined && room.archived],
];

class RoomList extends View {
  session;
  store;
  #active = null;
  #filter;
  #nav;
  #empty;
  #loading;
  #groups; // of rooms: [{section, rows, wanted, all, items: those that have a row, most, end}, …]
  #acts; // what else the field finds, likewise
  #me;
  #observer; // of the ends of groups that have more rows
  #stop = null; // the row that Tab goes to
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
      onfocus: () => this.#prepare(),
      onkeydown: (event) => this.#onFilterKey(event),
    });
    this.#empty = h("p", { class: "muted empty", hidden: true });
    this.#loading = h("div", { "data-testid": "rooms-loading" }, ...bars("div"));
    this.#groups = GROUPS.map(([heading, wanted]) => this.#group(heading, wanted));
    this.#acts = this.#actGroup();
    this.#nav = h(
      "nav",
      { class: "room-groups", "aria-label": t("rooms"), "data-testid": "room-list" },
      this.#loading,
      this.#empty,
      ...this.#all().map(({ section }) => section),
    );
    this.append(this.#head(), h("div", { class: "side-filter" }, this.#filter), this.#nav, this.#foot(name || username));
    this.#observer = new IntersectionObserver((seen) => this.#onEnds(seen), { root: this.#nav, rootMargin: "600px" });
    for (const { end } of this.#groups) this.#observer.observe(end);
    this.listen(this.#nav, "keydown", (event) => this.#onListKey(event));
    this.listen(this.#nav, "focusin", ({ target }) => this.#stopAt(target.dataset.key));
    this.listen(this.#nav, "pointerdown", () => {
      this.#pressed = true;
    });
    for (const type of ["pointerup", "pointercancel", "blur"]) this.listen(window, type, () => this.#released());
    this.listen(this.store, "change", ({ detail }) => this.#onChange(detail.room));
  }

  /** Somebody is about to look for something. */
  #prepare() {
    this.session.lookForRooms();
    if (isStaff(this.store.me.role)) findStaffPages().catch(() => {}); // tried again next time
  }

  #head() {
    const button = (label, path, testid, onclick) =>
      h("button", { class: "round", type: "button", title: label, "aria-label": label, "data-testid": testid, onclick }, icon(path));
    return h(
      "div",
      { class: "side-head" },
      h("h1", {}, t("rooms")),
      button(t("search"), ICONS.search, "search", () => void this.search()),
      button(t("directory"), ICONS.compass, "directory", () => void this.#browse()),
      button(t("room.create"), ICONS.plus, "new-room", () => this.create()),
    );
  }

  #foot(name) {
    return h(
      "div",
      { class: "side-foot" },
      h("menu-button", {
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
    return [
      { label: t("settings.profile"), icon: ICONS.person, testid: "menu-profile", href: "#settings=profile" },
      { label: t("settings.notifications"), icon: ICONS.bell, testid: "menu-notifications", href: "#settings=notifications" },
      { label: t("keys"), icon: ICONS.keyboard, testid: "menu-keys", run: () => void showShortcuts() },
      { label: t("signOut"), icon: ICONS.leave, testid: "sign-out", run: () => void signOut(this.session) },
    ];
  }

  #group(heading, wanted) {
    const list = h("ul");
    const rows = new Keyed(list, {
      make: (item) => makeRoomRow(item, (room) => this.#choose(room)),
      update: (row, item) => updateRoomRow(row, item, item.key === this.#active),
    });
    const id = `side-${heading.replace(".", "-")}`;
    const end = h("div", { class: "rows-end" });
    const folds = heading === ARCHIVED;
    const toggle = !folds ? null : h("button", { type: "button", class: "fold", "aria-expanded": "false", "data-testid": "fold-archived", onclick: () => this.#fold() }, t(heading));
    const section = h("section", { hidden: true, "aria-labelledby": id }, h("h2", { id }, toggle || t(heading)), list, end);
    return { section, rows, wanted, all: [], items: [], most: ROWS, end, toggle };
  }

  #actGroup() {
    const list = h("ul");
    const rows = new Keyed(list, { make: (item) => makeActRow(item, (key) => this.#choose(key)), update: updateActRow });
    const section = h("section", { hidden: true, "aria-labelledby": "side-acts" }, h("h2", { id: "side-acts" }, t("switch.more")), list);
    return { section, rows, items: [] };
  }

  #all() {
    return [...this.#groups, this.#acts];
  }

  /** The room that is open, or null. */
  get active() {
    return this.#active;
  }

  set active(room) {
    const before = this.#active;
    this.#active = room;
    if (!this.#groups || before === room) return;
    for (const id of [before, room]) if (id && this.store.room(id)) this.#drawRow(this.store.room(id));
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

  /** The joined rooms in the order shown, for moving by keyboard. */
  order() {
    return this.#groups.slice(0, 2).flatMap(({ all }) => all.map(({ key }) => key));
  }

  draw() {
    if (this.#pressed) {
      this.#stale = true;
      return;
    }
    if (this.store.me) this.#me.textContent = this.store.me.name || this.store.me.username;
    const before = this.#keys();
    const focused = this.#nav.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    const rooms = this.#found();
    for (const group of this.#groups) this.#arrange(group, rooms);
    this.#acts.items = this.#foundActs();
    for (const { section, rows, items } of this.#all()) {
      rows.show(items);
      section.hidden = items.length === 0;
    }
    for (const { section, all, toggle } of this.#groups) if (toggle) section.hidden = all.length === 0;
    this.#loading.hidden = this.store.isKnown;
    this.#nav.setAttribute("aria-busy", String(!this.store.isKnown));
    this.#empty.hidden = rooms.length > 0 || !this.store.isKnown;
    this.#empty.textContent = t(this.#filter.value ? "rooms.noMatch" : "rooms.none");
    this.#stopAt([this.#stop, ...neighbours(before, this.#stop), this.#active].find((room) => this.#button(room)) ?? this.#keys()[0]);
    if (focused && !this.#nav.contains(document.activeElement)) (this.#button(this.#stop) ?? this.#filter).focus();
  }

  teardown() {
    this.#observer.disconnect();
  }

  /** Chooses the rooms that get a row: the first ones, and the one that is open. */
  #arrange(group, rooms) {
    group.all = rooms.filter(({ room }) => group.wanted(room));
    const isFolded = group.toggle?.getAttribute("aria-expanded") === "false" && !this.#filter.value;
    const most = isFolded ? 0 : group.most;
    group.items = group.all.slice(0, most);
    const open = group.all.slice(most).find(({ key }) => key === this.#active);
    if (open) group.items.push(open);
    group.end.hidden = isFolded || group.all.length <= group.most;
  }

  /** Opens or closes the place of archived rooms. */
  #fold() {
    const { toggle } = this.#groups.find((group) => group.toggle);
    toggle.setAttribute("aria-expanded", String(toggle.getAttribute("aria-expanded") === "false"));
    this.draw();
  }

  #onFilter() {
    for (const group of this.#groups) group.most = ROWS;
    this.draw();
  }

  #onEnds(seen) {
    const reached = this.#groups.filter(({ end }) => seen.some(({ target, isIntersecting }) => isIntersecting && target === end));
    for (const group of reached) group.most += ROWS;
    if (reached.length) this.redraw();
  }

  /** A message changes one row alone; rooms that come, go, or have another name change the list. */
  #onChange(id) {
    const room = id === null ? null : this.store.room(id);
    if (room && !this.#drawRow(room)) this.redraw();
    else if (!room) this.redraw();
  }

  /** Brings the row of a room up to date. Returns false if it belongs elsewhere in the list. */
  #drawRow(room) {
    const group = this.#groups.find(({ wanted }) => wanted(room));
    const row = group.rows.node(room.id);
    if (!row) return group.all.some(({ key, title }) => key === room.id && title === roomTitle(room)) || Boolean(this.#filter.value);
    if (row.querySelector(".room-name").textContent !== roomTitle(room)) return false;
    group.rows.update(roomItem(room));
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

  #found() {
    const text = plain(this.#filter.value.trim());
    const { compare } = new Intl.Collator(currentLanguage(), { numeric: true });
    return [...this.store.rooms.values()]
      .map(roomItem)
      .filter(({ title }) => plain(title).includes(text))
      .sort((a, b) => compare(a.title, b.title));
  }

  #keys() {
    return this.#all().flatMap(({ items }) => items.map(({ key }) => key));
  }

  #button(room) {
    for (const { rows } of this.#all()) {
      const row = rows.node(room);
      if (row) return row.firstChild;
    }
    return null;
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
    return found(this.#filter.value.trim(), this.store.me, {
      create: () => this.create(),
      search: () => void this.search(),
      keys: () => void showShortcuts(),
      signOut: () => void signOut(this.session),
      browse: (text) => void this.#browse(text),
      write: (username) => this.session.directByName(username).then((room) => this.#choose(room), tellError),
    });
  }

  async #browse(text = "") {
    (await loaded(import("./finding.js")))?.FINDING.showDirectory({ session: this.session, text, open: (room) => this.#choose(room) });
  }

  /** Looks for messages. */
  async search() {
    const { session, store } = this;
    const open = (place) => this.dispatchEvent(new CustomEvent("message-chosen", { detail: place }));
    (await loaded(import("./search-dialog.js")))?.showSearch({ session, store, open });
  }

  /** Asks for a new room, and opens it. */
  create() {
    const { session } = this;
    askNewRoom(async ({ name, kind }) =>
      this.#choose(await (kind === "direct" ? session.directByName(name) : session.create({ name, kind }))),
    );
  }

  #onFilterKey(event) {
    if (event.isComposing) return;
    const [first] = this.#keys();
    if (event.key === "Enter" && first) {
      this.#choose(first);
    } else if (event.key === "ArrowDown" && first) {
      this.#button(first).focus();
      event.preventDefault();
    } else if (event.key === "Escape" && this.#filter.value) {
      this.#filter.value = "";
      this.draw();
      event.stopPropagation();
    }
  }

  #onListKey(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const keys = this.#keys();
    const at = keys.indexOf(document.activeElement.dataset.key);
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
