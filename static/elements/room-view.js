/**
 * One room: its head, messages, who is typing, and the composer (or the way in), and at its side a panel: of the page, of a
 * plugin, or a thread. Needs `session`, `store`, `places` and the attribute data-room. Fires "room-closed", "room-opened" ({room}: another one)
 * and "panel-changed".
 */

import { enable, h, icon, ICONS, write } from "../lib/dom.js";
import { errorText, t } from "../lib/i18n.js";
import { applies } from "../lib/places.js";
import { rightsIn } from "../lib/rights.js";
import { RoomFlow } from "../lib/room-flow.js";
import { roomTitle } from "../lib/titles.js";
import { roomSign } from "./avatar.js";
import "./composer-foot.js";
import "./menu-button.js";
import { preferenceItems } from "./room-preferences.js";
import { ownPanels, threadPanel } from "./room-panels.js";
import { loaded } from "./loaded.js";
import "./message-composer.js";
import "./message-list.js";
import "./not-kept.js";
import { labelOf, placeButton, replaceButtons } from "./plugin-place.js";
import { showStatus } from "./status-mark.js";
import { tellError } from "./toasts.js";
import "./typing-line.js";
import { View } from "./view.js";

const NARROW = matchMedia("(max-width: 700px)"); // as in layout.css: the head has room for the name and few buttons

class RoomView extends View {
  session;
  store;
  places;
  #title;
  #topic;
  #people;
  #menu;
  #added;
  #own; // panels of the page's own
  #panels = []; // those that can be opened
  #steers = false; // whether I may change the room, as it was shown
  #isClosed = false; // whether nothing is to be begun in it, as it was shown
  #panel;
  #body;
  #shown = null; // "room" | "join" | "gone" | "unknown"
  #mark; // only moderators write here
  #thread = null; // the panel of the thread that is open

  get room() {
    return this.dataset.room;
  }

  build() {
    this.#title = h("h1", { class: "room-title", dir: "auto", "data-testid": "room-title" });
    const rule = t("room.moderatorsWrite");
    this.#mark = h("span", { class: "room-mark", title: rule, "data-testid": "room-mark" }, icon(ICONS.megaphone), h("span", { class: "visually-hidden" }, rule));
    this.#topic = h("p", { class: "room-topic muted", dir: "auto" });
    this.#menu = h("menu-button", {
      "data-label": t("room.menu"),
      button: h("button", { class: "round", type: "button", title: t("room.menu"), "aria-label": t("room.menu"), "data-testid": "room-menu" }, icon(ICONS.more)),
      items: () => this.#menuItems(),
    });
    this.#people = h(
      "button",
      { class: "round rarer", type: "button", title: t("people"), "aria-label": t("people"), "data-testid": "people", onclick: () => void this.#onPeople() },
      icon(ICONS.people),
    );
    this.#added = h("div", { class: "room-added", "data-faults": true });
    this.#panel = h("aside", { class: "room-panel", hidden: true, "data-testid": "room-panel" });
    this.#body = h("div", { class: "room-body", tabindex: "-1", "data-drop": true });
    this.append(
      h(
        "header",
        { class: "room-head" },
        h(
          "button",
          { class: "round back", type: "button", title: t("back"), "aria-label": t("back"), "data-testid": "back", onclick: () => this.#close() },
          icon(ICONS.back),
        ),
        roomSign(this.room, ""),
        h("div", { class: "room-heading" }, h("div", { class: "room-name-line" }, this.#title, this.#mark), this.#topic),
        this.#added,
        this.#people,
        this.#menu,
      ),
      h("div", { class: "room-main" }, this.#body, this.#panel),
    );
    this.#shown = null;
    this.listen(this.store, "change", ({ detail }) => {
      if (detail.room === null || (detail.room === this.room && detail.only === null)) this.redraw();
      else if (detail.room === this.room && detail.only === "event") this.redrawSoon();
    });
    this.listen(this.store, "blocked", () => this.redraw());
    this.listen(this.session, "ready", () => this.#open());
    this.listen(this.places, "change", ({ detail }) => detail.place.startsWith("room.") && this.#showAdded());
    this.#own = ownPanels(this);
    this.session.preferences.opened(this.room);
    if (matchMedia("(any-pointer: coarse)").matches) void this.#followFingers();
    this.#open();
  }

  /** All that fingers do has a button, too: what cannot be loaded now may wait for the next room. */
  async #followFingers() {
    const part = await import("./gestures.js").catch(() => null);
    if (part && this.isConnected) part.roomGestures({ view: this, signal: this.signal });
  }

  focusComposer() {
    this.querySelector("message-composer")?.focusText();
  }

  draw() {
    const room = this.store.room(this.room);
    const hadFocus = this.contains(document.activeElement);
    const kind = room ? (room.joined ? "room" : "join") : this.session.status === "open" ? "gone" : "unknown";
    write(this.#title, { textContent: room ? roomTitle(room) : "", hidden: !room });
    write(this.#mark, { hidden: room?.posting !== "moderators" });
    if (room) showStatus(this.#title, room.status);
    const topic = room?.topic || room?.status?.text || "";
    write(this.#topic, { textContent: topic, hidden: !topic });
    write(this.#people, { hidden: kind !== "room" || !this.store.hasPeople(this.room) });
    write(this.#menu, { hidden: kind !== "room" });
    const steers = kind === "room" && this.store.maySteer(this.room);
    const isClosed = this.store.isClosed(this.room);
    if (kind !== this.#shown || steers !== this.#steers || isClosed !== this.#isClosed) this.#showAdded(kind === "room");
    this.#steers = steers;
    this.#isClosed = isClosed;
    if (kind === this.#shown && !(kind === "join" && room.wanted !== null)) return;
    if (kind === "unknown" && this.#shown) return; // it was there, and the server has to say that it is not any more
    const before = this.#shown;
    this.#shown = kind;
    this.#body.replaceChildren(...{ room: () => this.#inside(), join: () => this.#door(room), gone: () => [gone()], unknown: () => [this.#notKept()] }[kind]());
    if (kind === "room" && before) this.#open(); // it was joined here, or on another device
    if (kind === "room" && room.thread) this.openThread(room.thread, { rests: true });
    if ((hadFocus || before === "join") && document.activeElement === document.body) (this.#body.querySelector("[data-testid=join-room]") ?? this.#body).focus();
  }

  #open() {
    this.store.placeNewLine(this.room);
    this.session.open(this.room).catch((error) => {
      if (error.code !== "connection.lost") this.#body.replaceChildren(h("p", { class: "form-error" }, errorText(error)));
    });
  }

  #inside() {
    const { session, store, places, room } = this;
    const flow = new RoomFlow({ session, store, room });
    const composer = h("message-composer", { session, store, places, flow, "data-room": room });
    const foot = h("composer-foot", { session, store, composer, "data-room": room });
    const list = h("message-list", { session, store, places, flow, "data-room": room });
    this.listen(list, "reply", ({ detail }) => foot.silent || composer.replyTo(detail.message));
    this.listen(list, "edit", ({ detail }) => foot.silent || composer.edit(detail.message));
    this.listen(list, "rewrite", ({ detail: { message } }) => (message.thread ? this.openThread(message.thread, { rewrite: message }) : composer.rewrite(message)));
    this.listen(list, "thread", ({ detail: { message, seq } }) => this.openThread(message.thread ?? message.id, { seq }));
    this.listen(composer, "sent", () => list.toEnd());
    this.listen(list, "found", () => this.#uncover());
    return [this.#notKept(), list, h("typing-line", { store, "data-room": room }), foot];
  }

  #notKept() {
    return h("not-kept", { session: this.session, store: this.store, "data-room": this.room });
  }

  #door(room) {
    const around = room.wanted;
    room.wanted = null;
    const error = h("p", { class: "form-error", role: "alert" });
    const onclick = async ({ currentTarget: button }) => {
      button.disabled = true;
      try {
        await this.session.join(room.id);
      } catch (refusal) {
        error.textContent = errorText(refusal);
        enable(button);
      }
    };
    const join = h("button", { class: "primary", type: "button", "data-testid": "join-room", onclick }, t("room.join"));
    const door = h("div", { class: "welcome" }, h("p", { class: "muted" }, t("room.joinLead")), join, error);
    if (rightsIn(this.store.me, room).has("read")) void this.#showPreview(door, around);
    return [door];
  }

  /** What a room to join is about, and what was written last or around a seq, above the way in, which is there without it, too. */
  async #showPreview(door, around) {
    const { session, store, places, room } = this;
    try {
      const [{ roomPreview }, { FINDING }] = await Promise.all([import("./room-preview.js"), import("./finding.js")]);
      door.prepend(FINDING.roomAbout(session, room));
      const shown = await roomPreview({ session, store, places, room, around });
      if (!shown || !door.isConnected) return;
      const { list, row } = shown;
      door.classList.add("below");
      door.before(list);
      list.scrollTop = list.scrollHeight;
      if (!row) return;
      row.classList.add("landed");
      row.scrollIntoView({ block: "center" });
      row.focus({ preventScroll: true });
    } catch (error) {
      console.debug(error);
    }
  }

  /** The buttons of plugins; those for a panel open and close it. */
  #showAdded(isInside = this.#shown === "room") {
    const room = this.store.room(this.room);
    const wanted = (place) => (isInside ? this.places.in(place).filter((item) => applies(item, { room, me: this.store.me })) : []);
    const isClosed = this.store.isClosed(this.room);
    const context = () => ({ room: this.room });
    const panels = isInside ? [this.#own.pins, ...wanted("room.panels/v1")] : [];
    if (isInside && (this.store.maySteer(this.room) || wanted("room.settings/v1").length)) panels.push(this.#own.settings);
    this.#panels = panels;
    const open = [...panels, isInside && this.#thread].find((item) => item && item.key === this.#panel.dataset.open);
    replaceButtons(this.#added, [
      ...wanted("room.actions/v1").filter((item) => !isClosed || item.when?.archived).map((item) => placeButton(item, context, { class: "round" })),
      ...panels.map((item) => {
        const toggle = { ...item, run: () => this.#showPanel(item === open ? null : item) };
        return placeButton(toggle, context, { class: "round rarer", "aria-expanded": String(item === open) });
      }),
    ]);
    if (open || this.#panel.hidden) return;
    this.#closePanel();
    this.#tellPanel();
  }

  /**
   * Shows the thread beneath a message, by its id, at the side. As in threadPanel: `seq` of a reply that is wanted, `rewrite`
   * a refused one that is taken back; with `rests` the focus stays where it is.
   */
  openThread(id, { seq = null, rewrite = null, rests = false } = {}) {
    const opener = document.activeElement?.closest("message-list article")?.dataset.id;
    this.#thread = threadPanel(this, { id, seq, rewrite, rests, opener: opener ?? id });
    this.#showPanel(this.#thread);
  }

  /** Closes the panel, and gives the focus to the button, or the message, that opens it. Returns false if none is open. */
  leavePanel() {
    const { open } = this.#panel.dataset;
    if (!open) return false;
    const opener = open === this.#thread?.key ? this.#thread.opener : null;
    this.#showPanel(null);
    if (opener) (this.#body.querySelector(`article[data-id="${CSS.escape(opener)}"]`) ?? this.#body).focus({ preventScroll: true });
    else if (NARROW.matches) this.#menu.button.focus(); // which has opened it
    else this.#added.querySelector(`[data-testid="place-${open}"]`)?.focus();
    return true;
  }

  #showPanel(item) {
    const wasCovered = this.isCovered;
    this.#closePanel();
    const room = this.store.room(this.room);
    if (room) room.thread = item?.thread ?? null;
    if (item) {
      const label = labelOf(item);
      const close = h(
        "button",
        { class: "round", type: "button", title: t("close"), "aria-label": t("close"), onclick: () => this.leavePanel() },
        icon(ICONS.close),
      );
      this.#panel.dataset.open = item.key;
      this.#panel.setAttribute("aria-label", label);
      this.#panel.append(
        h("header", { class: "room-panel-head" }, h("h2", { dir: "auto" }, label), h("div", { class: "room-panel-added", "data-faults": true }), close),
        h("plugin-place", { item, context: Object.freeze({ room: this.room }) }),
      );
      this.#panel.hidden = false;
    } else if (wasCovered) this.#body.querySelector("message-list")?.seen();
    this.#showAdded();
    this.#tellPanel();
  }

  /** Whether a panel stands on the messages. */
  get isCovered() {
    return !this.#panel.hidden && getComputedStyle(this.#panel).position === "absolute";
  }

  #uncover() {
    if (this.isCovered) this.#showPanel(null);
  }

  #tellPanel() {
    this.dispatchEvent(new CustomEvent("panel-changed", { bubbles: true }));
  }

  #closePanel() {
    const hadFocus = this.#panel.contains(document.activeElement);
    delete this.#panel.dataset.open;
    this.#panel.hidden = true;
    this.#panel.replaceChildren();
    if (hadFocus) this.#body.focus();
  }

  #menuItems() {
    const mayLeave = this.store.room(this.room)?.kind !== "direct";
    return [
      { label: t(this.store.hasPeople(this.room) ? "people" : "people.add"), icon: ICONS.people, testid: "menu-people", run: () => void this.#onPeople() },
      { label: t("search"), icon: ICONS.search, testid: "menu-search", run: () => this.dispatchEvent(new CustomEvent("search-wanted", { bubbles: true })) },
      ...(NARROW.matches ? this.#panels.map((item) => ({ label: labelOf(item), icon: item.icon, testid: `menu-${item.key}`, run: () => this.#showPanel(item) })) : []),
      ...preferenceItems(this, this.store.room(this.room)),
      mayLeave && { label: t("room.leave"), icon: ICONS.exit, testid: "leave-room", danger: true, run: () => void this.#onLeave() },
    ];
  }

  async #onPeople() {
    const open = (room) => this.dispatchEvent(new CustomEvent("room-opened", { bubbles: true, detail: { room } }));
    return (await loaded(import("./finding.js")))?.FINDING.showPeople({ session: this.session, store: this.store, places: this.places, room: this.store.room(this.room), open });
  }

  async #onLeave() {
    const { session, store, room } = this;
    const part = await loaded(import("./leave-room.js"));
    if (await part?.leaveRoom({ session, store, room }).catch(tellError)) this.#close();
  }

  #close() {
    this.dispatchEvent(new CustomEvent("room-closed", { bubbles: true }));
  }
}

function gone() {
  return h("div", { class: "welcome", "data-testid": "room-gone" }, h("p", { class: "muted" }, t("room.gone")));
}

customElements.define("room-view", RoomView);
