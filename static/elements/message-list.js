/**
 * The messages of a room: rows for those in sight (virtual-list.js), loaded in both directions. It stays at the end
 * while one reads there, keeps its place otherwise, and takes it up again when the room is opened again. Needs
 * `session`, `store`, `places` and the attribute data-room. Fires "reply", "edit" and "rewrite" ({message}), "found".
 */

import { h, icon, ICONS, write } from "../lib/dom.js";
import { formatDay, t } from "../lib/i18n.js";
import { seqOf } from "../lib/ids.js";
import { formatterOf, formatting, hasMarks } from "../lib/late-formatting.js";
import { reactedBy } from "../lib/rooms-store.js";
import { Timeline } from "../lib/timeline.js";
import { covers, nearest } from "../lib/window.js";
import { ask } from "./dialogs.js";
import { carryOver } from "./late-parts.js";
import { loaded } from "./loaded.js";
import { messageActions } from "./message-actions.js";
import { messageRow } from "./message-row.js";
import { noteRow } from "./note-row.js";
import { firstControl, makeTabStop, openRow, twinOf } from "./row-controls.js";
import { tellError } from "./toasts.js";
import { View } from "./view.js";
import { VirtualList } from "./virtual-list.js";

const LOAD_AT_PX = 1_500; // from either end of what is here
const LINE_PX = 24; // heights, until a row is measured
const LINE_CHARS = 70;
const HEAD_PX = 34;
const LANDED_MS = 2_000;
const REST_MS = 150; // under a pointer that rests, until a row has actions

class MessageList extends View {
  session;
  store;
  places;
  #scroller;
  #list;
  #older;
  #newer;
  #start;
  #day;
  #jump;
  #count;
  #rows;
  #timeline;
  #loading = new Set(); // "older", "newer", "anew"
  #placed = false;
  #sought = null; // the seq that was asked for last
  #pointed = null; // the row under the pointer
  #pointer = { x: -1, y: -1 }; // px, on the screen
  #resting = 0; // the timer of a row that has come under the pointer
  #entered = null; // the row with the focus
  #stop = null; // the key of the row to which Tab leads
  #unfolded = new Set(); // ids of messages of blocked people that are shown all the same
  #midnight = 0;
  #ended;

  get #id() {
    return this.dataset.room;
  }

  build() {
    this.#timeline = new Timeline();
    this.#placed = false;
    this.#unfolded.clear();
    this.#ended = new AbortController();
    this.#older = h("p", { class: "older muted", hidden: true }, t("message.loadOlder"));
    this.#newer = h("p", { class: "older muted", hidden: true }, t("message.loadNewer"));
    this.#start = h("p", { class: "older muted", hidden: true, "data-testid": "room-start" }, t("room.start"));
    this.#list = h("div", { class: "messages", role: "feed", "aria-label": t("message.list"), "data-testid": "messages" });
    this.#scroller = h("div", { class: "scroller", tabindex: "-1", "data-testid": "scroller" }, this.#older, this.#start, this.#list, this.#newer);
    this.#day = h("div", { class: "day-above", "aria-hidden": "true", hidden: true, "data-testid": "day-above" }, h("span"));
    this.#count = h("span", { class: "jump-count", "aria-hidden": "true" });
    this.#jump = h(
      "button",
      { class: "jump", type: "button", hidden: true, "data-testid": "jump", onclick: () => this.#onJump() },
      icon(ICONS.down),
      this.#count,
    );
    this.append(this.#scroller, this.#day, this.#jump);
    this.#rows = new VirtualList({ scroller: this.#scroller, list: this.#list, signal: this.#ended.signal, owner: this.#owner() });
    this.listen(this.#list, "click", (event) => this.#onClick(event));
    this.listen(this.#list, "keydown", (event) => this.#onKey(event));
    this.listen(this.#list, "focusin", ({ target }) => this.#onFocus(target));
    this.listen(this.#list, "focusout", ({ relatedTarget }) => this.#onFocus(relatedTarget));
    this.listen(this.#list, "pointerover", (event) => event.pointerType === "mouse" && this.#onPointer(event));
    this.listen(this.#list, "pointerleave", () => this.#point(null));
    this.listen(this.store, "change", ({ detail }) => detail.room === this.#id && this.#onChange(detail.only));
    this.listen(this.store, "blocked", () => this.#refold());
    this.listen(this.session.outbox, "change", ({ detail }) => detail.room === this.#id && this.redraw());
    this.listen(this.session.statuses, "change", ({ detail }) => this.#wrote(detail.users) && this.#rows.remake());
    this.listen(this.places, "change", ({ detail }) => this.#onPlace(detail.place));
    this.listen(formatting, "loaded", () => this.#rows.remake(isMarked));
    this.listen(document, "visibilitychange", () => this.#onVisible());
    this.store.enter(this.#id);
    this.#awaitMidnight();
  }

  teardown() {
    const top = this.#rows.top && this.#rows.entries[this.#rows.placeOf(this.#rows.top.key)];
    const seq = top && this.#seqAt(top);
    const stays = this.#placed && !this.#rows.follows && seq;
    this.store.leave(this.#id, stays ? { seq, offset: this.#rows.top.offset } : null);
    this.#ended.abort();
    clearTimeout(this.#midnight);
    clearTimeout(this.#resting);
  }

  /** To the newest message of the room. */
  toEnd() {
    const room = this.store.room(this.#id);
    if (room?.moreAfter) this.#load("anew", () => this.session.loadNewest(this.#id));
    this.#rows.toEnd();
    this.#onScrolled();
  }

  draw() {
    const room = this.store.room(this.#id);
    if (!room) return;
    write(this.#older, { hidden: !room.loaded || !room.moreBefore });
    write(this.#newer, { hidden: !room.loaded || !room.moreAfter });
    write(this.#start, { hidden: !room.loaded || room.moreBefore });
    if (!this.#placed) this.#rows.follows = true;
    else if (room.moreAfter && !this.#loading.has("anew")) this.#rows.follows = false;
    const { me, blocked } = this.store;
    this.#rows.update(this.#timeline.entries(room, this.session.outbox.in(this.#id), me, { blocked, unfolded: this.#unfolded }));
    if (room.loaded && room.wanted !== null) this.#seek(room);
    else if (room.loaded && !this.#placed) this.#place(room);
    this.#onScrolled();
  }

  #refold() {
    this.#unfolded.clear();
    this.redraw();
  }

  /** The message in a row, if it can be answered; else null. */
  answerable(row) {
    return answerable(this.#rows.entryOf(row));
  }

  /** Whether one of these people wrote a message that is here. */
  #wrote(users) {
    return this.store.room(this.#id)?.messages.some(({ author }) => users.has(author.id));
  }

  /** Neither a marker nor somebody who types changes a row. What is about to be drawn at the end is read: it never counts. */
  #onChange(only) {
    if (only === "read") this.#showJump(this.#rows.follows, this.store.room(this.#id).unread);
    if (only !== null && only !== "event") return;
    this.#markRead();
    if (only === "event") this.redrawSoon();
    else this.redraw();
  }

  // -- rows

  #owner() {
    return {
      height: (entry) => estimate(entry),
      make: (entry) => this.#make(entry),
      replace: (old, entry) => this.#replace(old, entry),
      lost: (place) => this.#focusPlace(place, -1),
      drawn: () => this.#onDrawn(),
      scrolled: () => this.#onScrolled(),
    };
  }

  /** Actions are there for the row alone that somebody points at or is in. */
  #onPlace(place) {
    if (place === "message.actions/v1") this.#rows.remake((_, node) => node === this.#pointed || node === this.#entered);
    else if (place.startsWith("message.")) this.#rows.remake();
  }

  #make(entry) {
    const node = this.#row(entry);
    openRow(node, false);
    return node;
  }

  #row(entry) {
    if (entry.kind === "day") return h("div", { class: "day", "data-at": entry.at.toISOString() }, h("span", {}, formatDay(entry.at)));
    if (entry.kind === "new") return h("div", { class: "new-line", "data-testid": "new-line" }, h("span", {}, t("message.new")));
    if (entry.kind === "note") return noteRow(entry.note);
    return messageRow(entry, { me: this.store.me, session: this.session, places: this.places });
  }

  /** The row of a message that has changed: the focus, the actions and what was typed in it stay. */
  #replace(old, entry) {
    const node = this.#make(entry);
    node.dataset.key = entry.key;
    carryOver(old, node);
    formatterOf(entry.message?.body ?? "")?.keepRevealed(old, node);
    const focused = old.contains(document.activeElement) ? document.activeElement : null;
    const hasActions = old === this.#pointed || old === this.#entered;
    if (this.#pointed === old) this.#pointed = node;
    if (this.#entered === old) this.#entered = node;
    if (old.classList.contains("landed")) node.classList.add("landed");
    if (hasActions) this.#addActions(node, entry);
    node.classList.toggle("apart", old.classList.contains("apart"));
    node.style.top = old.style.top;
    old.after(node);
    if (focused) {
      openRow(node, true);
      (focused === old ? node : twinOf(focused, node)).focus({ preventScroll: true });
      node.tabIndex = 0;
    }
    old.remove();
    return node;
  }

  #onDrawn() {
    const rows = [...this.#list.querySelectorAll(":scope > article")];
    write(this.#list, { role: rows.length ? "feed" : "group" }); // a feed has articles
    const known = rows.find((row) => row === this.#entered) ?? rows.find((row) => row.dataset.key === this.#stop);
    makeTabStop(rows, known ?? rows.at(-1));
    for (const day of this.#list.querySelectorAll(":scope > .day")) {
      write(day.firstChild, { textContent: formatDay(new Date(day.dataset.at)) });
    }
  }

  // -- where one reads

  /** On opening: where one read the last time, else at the end, unless that would hide where the unread messages begin. */
  #place(room) {
    this.#placed = true;
    const back = room.place && nearest(room, room.place.seq);
    const line = this.#rows.placeOf("new");
    const below = line >= 0 && this.#list.getBoundingClientRect().bottom - this.#topOf(line) > this.#scroller.clientHeight;
    if (back) this.#rows.show(this.#keyOf(back), room.place.offset);
    else if (below || (line >= 0 && room.moreAfter)) this.#rows.show("new", 0);
    else if (room.moreAfter && room.messages.length) this.#rows.show(this.#keyOf(room.messages[0]), 0);
    else this.#rows.toEnd();
  }

  /** px; of an entry without a row, above all that have one. */
  #topOf(place) {
    return this.#rows.node(this.#rows.entries[place].key)?.getBoundingClientRect().top ?? -Infinity;
  }

  #keyOf(message) {
    return this.#rows.entries.find((entry) => entry.message === message)?.key;
  }

  /** Shows the message that is wanted, or the nearest one. Its surroundings are loaded if they are not here. */
  #seek(room) {
    if (!covers(room, room.wanted) && this.#sought !== room.wanted) {
      const { wanted } = room;
      const found = () => (this.#sought = wanted);
      this.#load("anew", () => this.session.loadAround(this.#id, wanted).then(found, (error) => this.#notFound(error)));
      return;
    }
    if (!this.#placed) {
      this.#placed = true;
      this.redraw(); // the composer comes after the list, and takes room and the focus
      return;
    }
    const message = nearest(room, room.wanted);
    room.wanted = null;
    this.#sought = null;
    this.dispatchEvent(new CustomEvent("found"));
    if (!message) return;
    const key = this.#keyOf(message);
    this.#rows.show(key, "center");
    const row = this.#rows.node(key);
    row?.focus({ preventScroll: true });
    row?.classList.add("landed");
    setTimeout(() => this.#rows.node(key)?.classList.remove("landed"), LANDED_MS);
  }

  #notFound(error) {
    if (error.code === "connection.lost") throw error; // asked for again
    const room = this.store.room(this.#id);
    if (room) room.wanted = null;
    tellError(error);
  }

  #onScrolled() {
    const room = this.store.room(this.#id);
    if (!room) return;
    if (!this.#loading.has("anew")) this.#rows.follows = this.#rows.isAtEnd && !room.moreAfter;
    const { follows, top } = this.#rows;
    const first = top && this.#rows.entries[this.#rows.placeOf(top.key)];
    this.store.hold(this.#id, follows || !first ? null : this.#seqAt(first));
    this.#showJump(follows, room.unread);
    this.#showDay(follows ? null : first);
    this.#loadIfNear(room);
    write(this.#list, { ariaBusy: String(!room.loaded || this.#loading.size > 0) });
    this.#markRead(); // last: it changes the side bar, and measuring after that would lay out the page again
  }

  /** The seq of the first message from an entry on; null if there is none. */
  #seqAt(entry) {
    const { entries } = this.#rows;
    for (let place = this.#rows.placeOf(entry.key); place < entries.length; place++) {
      if (entries[place].message?.id) return entries[place].message.seq;
    }
    return null;
  }

  #showJump(follows, unread) {
    write(this.#jump, { hidden: follows });
    const count = follows ? 0 : unread;
    const label = count ? t("message.latestNew", { count }) : t("message.latest");
    if (this.#jump.title === label) return;
    this.#jump.title = label;
    this.#jump.setAttribute("aria-label", label);
    this.#count.textContent = count > 99 ? "99+" : count || "";
  }

  /** The day of what is at the upper edge, if its line is further up. */
  #showDay(first) {
    const { entries } = this.#rows;
    let place = first ? this.#rows.placeOf(first.key) : -1;
    if (place < 0 || first.kind === "day") {
      write(this.#day, { hidden: true });
      return;
    }
    while (place >= 0 && entries[place].kind !== "day") place--;
    write(this.#day, { hidden: place < 0 });
    write(this.#day.firstChild, { textContent: place < 0 ? "" : formatDay(entries[place].at) });
  }

  #onVisible() {
    if (document.visibilityState !== "visible") return;
    this.store.placeNewLine(this.#id);
    this.redraw();
  }

  #markRead() {
    if (this.#rows.follows && this.#placed && document.visibilityState === "visible") this.session.markRead(this.#id);
  }

  /** What was today is yesterday then. */
  #awaitMidnight() {
    const now = new Date();
    const next = new Date(now.getFullYear(), now.getMonth(), now.getDate() + 1);
    this.#midnight = setTimeout(() => {
      this.redraw();
      this.#awaitMidnight();
    }, next.getTime() - now.getTime() + 1_000);
  }

  // -- loading

  #loadIfNear(room) {
    if (!this.#placed || !room.loaded || room.wanted !== null || this.#loading.has("anew")) return;
    const { before, after } = this.#rows.distances;
    if (room.moreBefore && room.messages.length && before < LOAD_AT_PX) this.#load("older", () => this.session.loadOlder(this.#id));
    if (room.moreAfter && after < LOAD_AT_PX) this.#load("newer", () => this.session.loadNewer(this.#id));
  }

  /** What cannot be loaded now is asked for again when one scrolls. */
  #load(what, load) {
    if (this.#loading.has(what)) return;
    this.#loading.add(what);
    const done = () => {
      this.#loading.delete(what);
      if (this.isConnected) this.redraw();
    };
    load().then(done, () => setTimeout(done, 1_000));
  }

  // -- pointer and keyboard

  /** Rows that move along under a pointer that rests get no actions until they rest, too. */
  #onPointer({ target, screenX: x, screenY: y }) {
    const row = rowOf(target);
    const rests = x === this.#pointer.x && y === this.#pointer.y;
    this.#pointer = { x, y };
    if (!rests || row === this.#pointed) {
      this.#point(row);
      return;
    }
    this.#point(null);
    const key = row?.dataset.key; // the row may be made anew meanwhile
    this.#resting = setTimeout(() => this.#point(this.#rows.node(key) ?? null), REST_MS);
  }

  #point(row) {
    clearTimeout(this.#resting);
    if (row === this.#pointed) return;
    this.#pointed = row;
    this.#showActions();
  }

  /** A dialog gives the focus back to where it was. */
  #onFocus(target) {
    if (target?.closest("dialog")) return;
    const row = target && this.#list.contains(target) ? rowOf(target) : null;
    if (row === this.#entered) return;
    if (this.#entered) openRow(this.#entered, false);
    this.#entered = row;
    if (row) {
      this.#stop = row.dataset.key;
      makeTabStop(this.#list.querySelectorAll(":scope > article"), row);
    }
    this.#showActions();
    if (row) openRow(row, true);
  }

  /** In the row under the pointer and in the one with the focus. A bar in which something failed stays. */
  #showActions() {
    const wanted = new Set([this.#pointed, this.#entered]);
    for (const bar of this.#list.querySelectorAll(".actions")) {
      if (!wanted.has(rowOf(bar)) && !bar.querySelector(".plugin-fault")) bar.remove();
    }
    for (const row of wanted) {
      if (row?.isConnected && !row.querySelector(".actions")) this.#addActions(row, this.#rows.entryOf(row));
    }
  }

  #addActions(row, entry) {
    const message = answerable(entry);
    if (!message) return;
    const { store, places } = this;
    const room = store.room(this.#id);
    const bar = messageActions({ message, me: store.me, mayPin: store.mayPin(this.#id), places, room, isClosed: room.archived || store.blocked.has(room.other) });
    if (!bar) return;
    row.append(bar);
    openRow(row, row === this.#entered);
    if (row.isConnected) this.#fit(row);
    else queueMicrotask(() => this.#fit(row));
  }

  /** Above the row, or, where the list ends there, below its upper edge. */
  #fit(row) {
    const bar = row.querySelector(".actions");
    bar?.classList.toggle("low", bar.getBoundingClientRect().top < this.#scroller.getBoundingClientRect().top);
  }

  #onClick({ target }) {
    const button = target.closest("[data-do]");
    const entry = this.#rows.entryOf(rowOf(target));
    if (button && entry) this.#do(button.dataset.do, entry, button.dataset.emoji);
  }

  #do(what, { key, message, note }, emoji) {
    const { session, store } = this;
    const done = (promise) => void promise.catch(tellError);
    switch (what) {
      case "unfold":
        this.#unfolded.add(message.id);
        return this.draw();
      case "original":
        return store.want(this.#id, seqOf(message.reply_to));
      case "drop":
        return store.dropNote(this.#id, note.id);
      case "react":
        return done(session.react(message.room, message.id, emoji, !reactedBy(message, emoji).includes(store.me.id)));
      case "choose":
        return done(this.#choose(message));
      case "link":
        return done(loaded(import("./message-links.js")).then((part) => part?.copyLink(message.id)));
      case "pin":
        return done(session.pin(message.room, message.id, !message.pinned));
      case "delete":
        return done(this.#remove(message, key));
      case "retry":
        return session.outbox.retry(message.client_id);
      case "discard":
        return session.outbox.discard(message.client_id);
      default:
        return this.dispatchEvent(new CustomEvent(what, { detail: { message } }));
    }
  }

  /** Reacts with an emoji that is chosen from all. */
  async #choose({ room, id }) {
    const emoji = await (await loaded(import("./emoji-choice.js")))?.chooseEmoji(this.places, this);
    if (emoji) await this.session.react(room, id, emoji, true);
  }

  async #remove(message, key) {
    if (!(await ask(t("message.deleteConfirm"), t("message.delete")))) return;
    await this.session.remove(message.room, message.id);
    if (document.activeElement === document.body) this.#rows.node(key)?.focus({ preventScroll: true });
  }

  #onKey(event) {
    if (event.isComposing || event.altKey || event.ctrlKey || event.metaKey) return;
    const row = rowOf(event.target);
    if (event.target !== row) {
      if (event.key !== "Escape" || !row) return;
      row.focus({ preventScroll: true });
      event.stopPropagation();
      return;
    }
    const place = this.#rows.placeOf(row.dataset.key);
    const moves = { ArrowUp: [place - 1, -1], ArrowDown: [place + 1, 1], Home: [0, 1], End: [this.#rows.entries.length - 1, -1] };
    if (moves[event.key]) this.#focusPlace(...moves[event.key]);
    else if (event.key === "Enter") firstControl(row)?.focus({ preventScroll: true });
    else return;
    event.preventDefault();
  }

  /** The row at a place, or the next one in this direction, else in the other; without any, the list itself. */
  #focusPlace(place, step) {
    const { entries } = this.#rows;
    const isRow = (each) => entries[each]?.kind === "message" || entries[each]?.kind === "note";
    let found = place;
    while (found >= 0 && found < entries.length && !isRow(found)) found += step;
    if (!isRow(found)) {
      for (found = Math.min(Math.max(place, 0), entries.length - 1); found >= 0 && found < entries.length && !isRow(found); ) found -= step;
    }
    if (!isRow(found)) {
      this.#scroller.focus({ preventScroll: true });
      return;
    }
    const { key } = entries[found];
    this.#rows.show(key, "nearest");
    this.#rows.node(key)?.focus({ preventScroll: true });
  }

  #onJump() {
    this.toEnd();
    this.#focusPlace(this.#rows.entries.length - 1, -1);
  }
}

/** The article around a node. */
function rowOf(node) {
  return node?.closest?.("message-list article[data-key]") ?? null;
}

/** Whether the formatter has something to do for an entry. */
function isMarked({ message, quoted }) {
  return [message, quoted].some((each) => each?.body && hasMarks(each.body));
}

/**
 * The message of an entry, unless it has gone, was refused, or there is none.
 * @param {{message?: any}} entry
 */
function answerable({ message } = {}) {
  return message && !message.deleted && (!message.state || message.state === "pending") ? message : null;
}

/** px, until it is measured. */
function estimate({ kind, message, grouped, folded }) {
  if (kind === "day" || kind === "new") return 38;
  if (kind === "note") return 90;
  let lines = 0;
  if (folded) lines = 1;
  else for (const line of message.body.split("\n")) lines += Math.max(1, Math.ceil(line.length / LINE_CHARS));
  return lines * LINE_PX + (grouped ? 4 : HEAD_PX) + (message.reply_to ? 20 : 0);
}

customElements.define("message-list", MessageList);
