/**
 * The signed-in page: side bar and room side by side, or one of them on a narrow screen. Owns the address
 * (`#room=ID`, `#settings=PAGE`), the keys that work everywhere, the title and what a screen reader is told.
 * Needs `session`, `store`, `connection`, `places`, `api`, `notices`, `linked`. A link to a message leads there within the page.
 */

import { h, LOGO } from "../lib/dom.js";
import { drawSoon } from "../lib/drawing.js";
import { errorText, t } from "../lib/i18n.js";
import { plainOf } from "../lib/late-formatting.js";
import { linkedMessage } from "../lib/links.js";
import { frozen } from "../lib/plugins.js";
import { roomTitle } from "../lib/titles.js";
import { countOf } from "../lib/unread.js";
import { isInRoom } from "../lib/window.js";
import "./connection-status.js";
import { loaded, showShortcuts } from "./loaded.js";
import "./notice-list.js";
import "./room-list.js";
import "./room-view.js";
import { tell, tellError } from "./toasts.js";
import { View } from "./view.js";

const TITLE_MS = 100; // a message in the open room is read by then
const LINES = "page.lines/v1";
const ANNOUNCED = 20; // messages kept for the screen reader

class ChatApp extends View {
  session;
  store;
  connection;
  places;
  api;
  notices;
  linked;
  #room = null; // the last one that was open, to go back to
  #list;
  #lines; // of plugins
  #main;
  #announcer;
  #unsaid = []; // texts for the announcer
  #notices;
  #titled = null; // the timer of the title
  #entries = null; // of panels, in the browser's history, once there are some

  build() {
    const { session, store, connection, notices, places } = this;
    this.#list = h("room-list", { class: "side", role: "region", "aria-label": t("rooms"), session, store, places });
    this.#main = h("main", { class: "main", tabindex: "-1" });
    this.#announcer = h("div", { class: "visually-hidden", role: "log", "aria-live": "polite", "data-testid": "announcer" });
    this.#notices = h("notice-list", { notices });
    this.#lines = h("div");
    const top = h("div", { class: "page-top" }, h("connection-status", { session, store, connection }), this.#lines);
    this.append(top, this.#list, this.#main, this.#announcer, this.#notices);
    this.#showLines();
    this.listen(this.places, "change", ({ detail }) => detail.place === LINES && this.#showLines());
    this.listen(this.#list, "room-chosen", ({ detail }) => this.#go(detail.room));
    this.listen(this, "search-wanted", () => this.#list.search());
    this.listen(this, "room-closed", () => this.#go(null));
    this.listen(this, "room-opened", ({ detail }) => this.#go(detail.room));
    this.listen(this, "message-chosen", ({ detail }) => this.#goTo(detail));
    this.listen(this, "click", (event) => this.#onLink(event));
    this.listen(this, "settings-closed", () => this.#go(this.#room));
    this.listen(window, "hashchange", () => this.#onMoved());
    this.listen(this, "panel-changed", () => void this.#keepEntry());
    for (const type of ["dragover", "drop"]) this.listen(window, type, keepPage);
    this.listen(document, "keydown", (event) => this.#onKey(event));
    this.listen(store, "change", () => (this.#titled ??= setTimeout(() => this.#title(), TITLE_MS)));
    this.listen(session, "ready", () => this.#route());
    this.listen(session, "ready", () => this.#notices.forget("connection.lost"));
    this.listen(session, "message", ({ detail }) => this.#announce(detail));
    this.listen(session, "banned", ({ detail }) => this.#onBanned(detail));
    this.listen(session, "deleted", ({ detail }) => void this.#onDeleted(detail));
    this.listen(session, "removed", ({ detail }) => this.#onRemoved(detail));
    this.listen(session, "note", ({ detail }) => this.#say(detail.room, detail.text));
    this.listen(window, "online", () => connection.wake());
    this.listen(window, "offline", () => connection.offline());
    this.listen(document, "visibilitychange", () => this.#onVisible());
    if (this.#narrow() && this.#active() && history.length === 1) this.#putListBelow();
    this.#route();
    void this.#keepEntry();
    if (this.linked.id) void this.#follow(this.linked.id);
    const { account } = session.preferences;
    for (const type of ["known", "change"]) this.listen(account, type, () => void this.#tellOwner());
    this.listen(account, "refused", ({ detail }) => tellError(detail.error));
    void this.#tellOwner();
  }

  #showLines() {
    const context = Object.freeze({ user: frozen(this.store.me) });
    this.#lines.replaceChildren(...this.places.in(LINES).map((item) => h("plugin-place", { item, context })));
  }

  /**
   * Tells the owner that the server is their own, until they close the card on any device; a card that cannot be loaded
   * comes later.
   */
  async #tellOwner() {
    const { store, places } = this;
    const { account } = this.session.preferences;
    const isWanted = () => store.me?.role === "owner" && account.isKnown && account.get("dismissed.owner") === undefined;
    if (!isWanted()) {
      this.querySelector(".owner-card")?.remove();
      return;
    }
    const part = await import("./settings/staff/pages.js").catch(() => null);
    if (!part || !this.isConnected || !isWanted() || this.querySelector(".owner-card")) return;
    this.append(part.OWNER_CARD({ places, close: () => account.set({ "dismissed.owner": "1" }), createRoom: () => this.#list.create() }));
  }

  /** On a phone the system's way back leads to the list, from a room that a link or a notification opened, too. */
  #putListBelow() {
    const { hash } = location;
    history.replaceState(null, "", location.pathname);
    history.pushState(null, "", hash);
  }

  /** Without a network for this the system's way back leads from a panel to the list. */
  async #keepEntry() {
    if (!this.#entries && !history.state && !this.#main.firstChild?.isCovered) return;
    const { signal } = this;
    this.#entries ??= import("./panel-entries.js").then(({ panelEntries }) => panelEntries({ main: this.#main, active: () => this.#active(), signal }));
    await this.#entries.then(({ settle }) => settle(), () => (this.#entries = null));
  }

  #active() {
    return new URLSearchParams(location.hash.slice(1)).get("room");
  }

  #go(room) {
    const hash = room ? `#${new URLSearchParams({ room })}` : "";
    if (room && room === this.#active()) {
      this.session.preferences.opened(room);
      this.#main.querySelector("room-view")?.focusComposer();
    } else if (hash) location.hash = hash;
    else {
      history.pushState(null, "", location.pathname);
      this.#route();
      void this.#keepEntry();
    }
  }

  #goTo({ room, seq }) {
    this.#go(room);
    this.store.want(room, seq);
  }

  /** A click that the browser would open elsewhere, as with Ctrl, is left to it. */
  #onLink(event) {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    const id = linkedMessage(event.target.closest("a[href]")?.href, location.origin);
    if (!id) return;
    event.preventDefault();
    void this.#follow(id);
  }

  /** Leads to a message by its id. One whose room is not known yet is found by the server. */
  async #follow(id) {
    const part = await loaded(import("./message-links.js"));
    if (!part) return;
    try {
      const place = await part.placeOf(id, this);
      if (!this.isConnected) return; // somebody else is asked to sign in
      this.linked.done();
      if (place) this.#goTo(place);
    } catch (error) {
      if (error.status !== 401) tellError(error); // else it waits for the sign-in
    }
  }

  /** The page of the settings that the address names; null if it names none. */
  #settingsPage() {
    return new URLSearchParams(location.hash.slice(1)).get("settings");
  }

  /** The browser's way back leads on beneath an open dialog, which belongs to where it was opened. */
  #onMoved() {
    for (const dialog of document.querySelectorAll("dialog")) dialog.close();
    this.#route();
  }

  #route() {
    const room = this.#active();
    const page = this.#settingsPage();
    if (page !== null) {
      void this.#showSettings(page);
      return;
    }
    this.#room = room;
    this.dataset.view = room ? "room" : "list";
    this.#list.active = room;
    this.#title();
    if (room && this.#main.firstChild?.room === room) return;
    const { session, store, places } = this;
    const hadFocus = this.#main.contains(document.activeElement);
    this.#main.replaceChildren(room ? h("room-view", { session, store, places, "data-room": room }) : welcome(() => this.#list.create()));
    if (hadFocus && document.activeElement === document.body) this.#list.focusRow();
  }

  async #showSettings(page) {
    const { session, store, places, api, notices } = this;
    this.dataset.view = page ? "settings" : "settings-list";
    this.#title();
    const shown = this.#main.querySelector("settings-view");
    if (shown) shown.dataset.page = page;
    else if ((await loaded(import("./settings-view.js"))) && this.#settingsPage() === page) this.#main.replaceChildren(h("settings-view", { session, store, places, api, notices, "data-page": page }));
  }

  teardown() {
    clearTimeout(this.#titled);
    this.#entries = null;
  }

  /** A browser takes long to change a title, so a message that is read at once changes none. */
  #title() {
    clearTimeout(this.#titled);
    this.#titled = null;
    const unread = this.store.joined().reduce((sum, room) => sum + countOf(room), 0);
    const room = this.store.room(this.#active());
    const name = [room && roomTitle(room), t("app.name")].filter(Boolean).join(" · ");
    const title = unread ? `(${unread}) ${name}` : name;
    if (document.title !== title) document.title = title;
  }

  #onVisible() {
    if (document.visibilityState !== "visible") return;
    this.connection.wake();
    this.session.lookForRooms();
  }

  #announce({ room, message }) {
    if (!isInRoom(message) && this.store.room(room)?.thread !== message.thread) return; // of a thread that is not open
    this.#say(room, t("message.announce", { name: message.author.name, body: plainOf(message.body) }));
  }

  /** A room exists no more: whoever has it open sees the list, and the reader is told. */
  async #onDeleted({ room, name }) {
    if (this.#room === room) this.#room = null;
    if (this.#active() === room) this.#go(null);
    (await loaded(import("./room-deleted.js")))?.tellDeleted(name);
  }

  #onRemoved({ room, name }) {
    this.#notices.tell(t("room.removed", { name }), { kind: "", code: `removed ${room}` });
  }

  /** A ban says more than that one is in the room no longer, which may have been said before. */
  #onBanned({ room, name, ban }) {
    this.#notices.forget(`removed ${room}`);
    const which = name && t("room.removed", { name }); // the reader may look at another one
    tell([which, errorText({ code: "room.banned", message: "", detail: { ban } })].filter(Boolean).join(" "), "room.banned");
  }

  #say(room, text) {
    if (room !== this.#active()) return;
    this.#unsaid = [...this.#unsaid, text].slice(-ANNOUNCED);
    drawSoon(this.#sayAll);
  }

  #sayAll = () => {
    this.#announcer.append(...this.#unsaid.map((text) => h("p", {}, text)));
    this.#unsaid = [];
    while (this.#announcer.childElementCount > ANNOUNCED) this.#announcer.firstChild.remove();
  };

  #onKey(event) {
    if (event.isComposing || event.defaultPrevented || document.querySelector("dialog[open]")) return;
    if (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.altKey) {
      event.preventDefault();
      if (this.#active() && this.#narrow()) this.#go(null);
      this.#list.focusFilter();
    } else if (event.altKey && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      event.preventDefault();
      this.#move(event.key === "ArrowDown" ? 1 : -1);
    } else if (event.key === "?" && !event.ctrlKey && !event.metaKey && !isField(event.target)) {
      event.preventDefault();
      void showShortcuts();
    } else if (event.key === "Escape" && this.#notices.closeNewest()) {
      event.preventDefault();
    } else if (event.key === "Escape" && this.#main.querySelector("settings-view")) {
      this.#go(this.#room);
    } else if (event.key === "Escape" && this.#active()) {
      if (this.#main.querySelector("room-view")?.leavePanel()) return;
      if (this.#narrow()) this.#go(null);
      else this.#main.querySelector("room-view")?.focusComposer();
    }
  }

  #narrow() {
    return getComputedStyle(this).getPropertyValue("--one-column").trim() === "1";
  }

  #move(step) {
    const order = this.#list.order();
    if (order.length === 0) return;
    const at = order.indexOf(this.#active());
    const next = at < 0 ? (step > 0 ? 0 : order.length - 1) : (at + step + order.length) % order.length;
    this.#go(order[next]);
  }
}

/** A file that is dropped where nothing takes it would be opened in place of the page. */
function keepPage(event) {
  if (event.defaultPrevented || !event.dataTransfer?.types.includes("Files") || event.target.matches?.("[type=file]")) return;
  event.preventDefault();
  event.dataTransfer.dropEffect = "none";
}

/** Whether keys write there. */
function isField(node) {
  return node.matches?.("input, textarea, select, [contenteditable]") ?? false;
}

function welcome(create) {
  return h(
    "div",
    { class: "welcome", "data-testid": "welcome" },
    h("img", { src: LOGO, alt: "", width: "72", height: "72" }),
    h("h2", {}, t("welcome.title")),
    h("p", { class: "muted" }, t("welcome.lead")),
    h("button", { class: "primary", type: "button", "data-testid": "welcome-new-room", onclick: create }, t("room.create")),
    h("p", { class: "muted keys" }, t("keys.hint")),
  );
}

customElements.define("chat-app", ChatApp);
