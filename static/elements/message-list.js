/**
 * The messages of a room or a thread: rows for those in sight (virtual-list.js), loaded in both directions. It stays at
 * the end while one reads there, keeps its place otherwise, and takes it up again when it is opened again. Needs
 * `session`, `store`, `places` and `flow` (lib/room-flow.js). Fires "reply", "edit" and "rewrite" ({message}), "thread"
 * ({message, seq}: of a reply in it that is wanted, if any), "found".
 */

import { h, icon, ICONS, write } from "../lib/dom.js";
import { formatDay, t } from "../lib/i18n.js";
import { seqOf } from "../lib/ids.js";
import { formatterOf, formatting, hasMarks, hasNames } from "../lib/late-formatting.js";
import { reactedBy } from "../lib/changes.js";
import { rightsIn } from "../lib/rights.js";
import { Timeline } from "../lib/timeline.js";
import { covers, nearest } from "../lib/window.js";
import { ask } from "./dialogs.js";
import { carryOver } from "./late-parts.js";
import { loaded } from "./loaded.js";
import { messageActions } from "./message-actions.js";
import { concerns, messageRow, repliesRow } from "./message-row.js";
import { noteRow } from "./note-row.js";
import { openRow, twinOf } from "./row-controls.js";
import { RowFocus, rowOf } from "./row-focus.js";
import { tellError } from "./toasts.js";
import { View } from "./view.js";
import { VirtualList } from "./virtual-list.js";

const LOAD_AT_PX = 1_500; // from either end of what is here
const LINE_PX = 24; // heights, until a row is measured
const LINE_CHARS = 70;
const HEAD_PX = 34;
const THREAD_PX = 40;
const LANDED_MS = 2_000;
const MOST_ASKED = 3; // times for the surroundings of a message, which are not shown if another page was asked for meanwhile

class MessageList extends View {
  session;
  store;
  places;
  flow;
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
  #sought = { seq: 0, times: 0 }; // what was asked for last, and how often
  /** @type {RowFocus} */
  #focus;
  #editHistory; // as the rows are drawn
  #isClosed = false; // whether nothing is to be begun in the room, as the rows are drawn
  #unfolded = new Set(); // ids of messages of blocked people that are shown all the same
  #midnight = 0;
  #ended;
  #selecting = null; // while several messages are chosen (selecting.js)

  /** The room, or the thread, as far as it is here. */
  get #state() {
    return this.flow.state;
  }

  build() {
    this.#timeline = new Timeline();
    this.#placed = false;
    this.#unfolded.clear();
    this.#ended = new AbortController();
    this.#older = h("p", { class: "older muted", hidden: true }, t("message.loadOlder"));
    this.#newer = h("p", { class: "older muted", hidden: true }, t("message.loadNewer"));
    this.#start = h("p", { class: "older muted", hidden: true, "data-testid": "room-start" }, this.flow.thread ? "" : t("room.start"));
    const label = t(this.flow.thread ? "thread.list" : "message.list");
    this.#list = h("div", { class: "messages", role: "feed", "aria-label": label, "data-testid": "messages" });
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
    this.#focus = new RowFocus({ list: this.#list, scroller: this.#scroller, rows: this.#rows, signal: this.#ended.signal, bar: (entry) => this.#bar(entry), press: (what, entry) => this.#do(what, entry) });
    this.listen(this.#list, "click", (event) => this.#onClick(event));
    this.listen(this.#list, "person-chosen", ({ target, detail }) => void this.#showPerson(detail, rowOf(target)?.dataset.key).catch(tellError));
    this.listen(this.flow.source, "change", ({ detail }) => detail.room === this.flow.key && this.#onChange(detail.only));
    this.listen(this.store, "blocked", () => this.#refold());
    this.listen(this.session.outbox, "change", ({ detail }) => detail.room === this.flow.room && this.redraw());
    if (!this.flow.thread) this.listen(this.session.threads, "change", ({ detail }) => detail.room === this.flow.room && this.redrawSoon());
    this.listen(this.session.statuses, "change", ({ detail }) => this.#wrote(detail.users) && this.#rows.remake());
    this.listen(this.places, "change", ({ detail }) => this.#onPlace(detail));
    this.listen(formatting, "loaded", () => this.#rows.remake(isMarked));
    this.listen(document, "visibilitychange", () => this.seen());
    this.flow.enter();
    this.#awaitMidnight();
  }

  teardown() {
    const first = this.#placed && !this.#rows.follows ? this.#messageFrom(this.#rows.top) : null;
    this.flow.leave(first && { seq: first.message.seq, offset: this.#rows.offsetOf(first) });
    this.#selecting?.end();
    this.#ended.abort();
    clearTimeout(this.#midnight);
  }

  /** To the newest message. */
  toEnd() {
    if (this.#state?.moreAfter) this.#load("anew", () => this.flow.loadNewest());
    this.#rows.toEnd();
    this.#onScrolled();
  }

  draw() {
    const room = this.#state;
    if (!room || this.#rows.isPressed) return;
    write(this.#older, { hidden: !room.loaded || !room.moreBefore });
    write(this.#newer, { hidden: !room.loaded || !room.moreAfter });
    write(this.#start, { hidden: !room.loaded || room.moreBefore });
    if (!this.#placed) this.#rows.follows = true;
    else if (room.moreAfter && !this.#loading.has("anew")) this.#rows.follows = false;
    const { me, blocked } = this.store;
    const { editHistory } = this.store.room(this.flow.room);
    if (this.#editHistory !== editHistory) this.#rows.remake(({ message }) => Boolean(message?.edited_at));
    this.#editHistory = editHistory;
    const isClosed = this.store.isClosed(this.flow.room);
    if (this.#isClosed !== isClosed) this.#rows.remake(({ message }) => Object.keys(message?.data ?? {}).length > 0);
    this.#isClosed = isClosed;
    this.#rows.update(this.#timeline.entries(room, this.flow.outgoing, me, { blocked, unfolded: this.#unfolded }, this.flow.summaryOf));
    if (room.loaded && room.wanted !== null) this.#seek(room);
    else if (room.loaded && !this.#placed && !isBare(room)) this.#place(room);
    this.#onScrolled();
  }

  #refold() {
    this.#unfolded.clear();
    this.redraw();
  }

  /** The message in a row, if it can be answered; else null. */
  answerable(row) {
    return this.#selecting ? null : answerable(this.#rows.entryOf(row));
  }

  /** Whether one of these people wrote a message that is here. */
  #wrote(users) {
    return this.#state?.messages.some(({ author }) => users.has(author.id));
  }

  /** Neither a marker nor somebody who types changes a row. What is about to be drawn at the end is read: it never counts. */
  #onChange(only) {
    if (only === "read") this.#showJump(this.#rows.follows, this.#state.unread);
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
      lost: (place) => this.#focus.focusPlace(place, -1),
      drawn: () => this.#onDrawn(),
      scrolled: () => this.#onScrolled(),
      released: () => this.redraw(),
    };
  }

  /** Actions are there for the row alone that somebody points at or is in. An open menu stays as it is, and so does what a new item has nothing for. */
  #onPlace({ place, item }) {
    if (place === "message.actions/v1") this.#rows.remake((_, node) => this.#focus.has(node) && !node.querySelector("menu-button")?.isOpen);
    else if (place === "message.last/v1") this.#rows.remake(({ last }) => last);
    else if (place.startsWith("message.")) this.#rows.remake(({ message }) => !item || (message && concerns(item, place, message)));
  }

  #make(entry) {
    const node = this.#row(entry);
    this.#selecting?.dress(node, entry);
    openRow(node, false);
    return node;
  }

  #row(entry) {
    if (entry.kind === "day") return h("div", { class: "day", "data-at": entry.at.toISOString() }, h("span", {}, formatDay(entry.at)));
    if (entry.kind === "new") return h("div", { class: "new-line", "data-testid": "new-line" }, h("span", {}, t("message.new")));
    if (entry.kind === "note") return noteRow(entry.note);
    if (entry.kind === "replies") return repliesRow(entry.count);
    const { store, session, places, flow } = this;
    return messageRow(entry, { me: store.me, session, places, room: store.room(flow.room), rooms: store.rooms, isClosed: store.isClosed(flow.room), isInThread: Boolean(flow.thread), showsEdits: this.#showsEdits(entry.message) });
  }

  /** The row of a message that has changed: the focus, the actions and what was typed in it stay. */
  #replace(old, entry) {
    const node = this.#make(entry);
    node.dataset.key = entry.key;
    carryOver(old, node);
    formatterOf(entry.message?.body ?? "")?.keepRevealed(old, node);
    const focused = old.contains(document.activeElement) ? document.activeElement : null;
    if (old.classList.contains("landed")) node.classList.add("landed");
    this.#focus.replaced(old, node, entry);
    node.classList.toggle("apart", old.classList.contains("apart"));
    node.style.top = old.style.top;
    old.after(node);
    if (focused) this.#focus.moveTo(node, focused, old);
    old.remove();
    return node;
  }

  #onDrawn() {
    const rows = [...this.#list.querySelectorAll(":scope > article")];
    write(this.#list, { role: rows.length ? "feed" : "group" }); // a feed has articles
    this.#focus.drawn(rows);
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
    const { seq: sought, times } = this.#sought;
    if (!covers(room, room.wanted) && (sought !== room.wanted || times < MOST_ASKED)) {
      const { wanted } = room;
      const found = () => (this.#sought = { seq: wanted, times: sought === wanted ? times + 1 : 1 });
      this.#load("anew", () => this.flow.loadAround(wanted).then(found, (error) => this.#notFound(error)));
      return;
    }
    if (!this.#placed) {
      this.#placed = true;
      this.redraw(); // the composer comes after the list, and takes room and the focus
      return;
    }
    const seq = room.wanted;
    const message = nearest(room, seq);
    const root = room.threadOf?.get(seq);
    room.wanted = null;
    this.#sought = { seq: 0, times: 0 };
    const key = message && this.#keyOf(message);
    if (key) this.#rows.show(key, "center");
    if (root) {
      this.dispatchEvent(new CustomEvent("thread", { detail: { message: { id: root }, seq } }));
      return;
    }
    this.dispatchEvent(new CustomEvent("found"));
    if (!key) return;
    const row = this.#rows.node(key);
    row?.focus({ preventScroll: true });
    row?.classList.add("landed");
    setTimeout(() => this.#rows.node(key)?.classList.remove("landed"), LANDED_MS);
  }

  #notFound(error) {
    if (error.code === "connection.lost") throw error; // asked for again
    if (this.#state) this.#state.wanted = null;
    tellError(error);
  }

  #onScrolled() {
    const room = this.#state;
    if (!room) return;
    if (!this.#loading.has("anew")) this.#rows.follows = this.#rows.isAtEnd && !room.moreAfter;
    const { follows } = this.#rows;
    const top = follows ? null : this.#rows.top;
    this.flow.hold(this.#messageFrom(top)?.message.seq ?? null);
    this.#showJump(follows, room.unread);
    this.#showDay(top);
    this.#loadIfNear(room);
    write(this.#list, { ariaBusy: String(!room.loaded || this.#loading.size > 0) });
    this.#markRead(); // last: it changes the side bar, and measuring after that would lay out the page again
  }

  /** The entry of the first message from an entry on, which may be a line between messages; null if there is none. */
  #messageFrom(entry) {
    const { entries } = this.#rows;
    const start = entry ? this.#rows.placeOf(entry.key) : entries.length;
    for (let place = start; place < entries.length; place++) {
      if (entries[place].message?.id) return entries[place];
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
  #showDay(top) {
    const { entries } = this.#rows;
    let place = top ? this.#rows.placeOf(top.key) : -1;
    if (place < 0 || top.kind === "day") {
      write(this.#day, { hidden: true });
      return;
    }
    while (place >= 0 && entries[place].kind !== "day") place--;
    write(this.#day, { hidden: place < 0 });
    write(this.#day.firstChild, { textContent: place < 0 ? "" : formatDay(entries[place].at) });
  }

  /** It may have come into sight. */
  seen() {
    if (!this.#isInSight) return;
    this.flow.placeNewLine();
    this.redraw();
  }

  /** Whether neither the page is away nor a panel stands on the list. */
  get #isInSight() {
    return document.visibilityState === "visible" && getComputedStyle(this).visibility === "visible";
  }

  #markRead() {
    if (this.#rows.follows && this.#placed && this.#isInSight) this.flow.markRead();
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

  /** Where most messages are replies in threads, page after page is loaded until the view is full. */
  #loadIfNear(room) {
    if (!(this.#placed || isBare(room)) || !room.loaded || room.wanted !== null || this.#loading.has("anew")) return;
    const { before, after } = this.#rows.distances;
    if (room.moreBefore && before < LOAD_AT_PX) this.#load("older", () => this.flow.loadOlder());
    if (room.moreAfter && after < LOAD_AT_PX) this.#load("newer", () => this.flow.loadNewer());
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

  // -- what buttons do

  /** Whether the reader may see what a message said before it was edited. */
  #showsEdits({ edited_at: isEdited, author }) {
    const { me } = this.store;
    const room = this.store.room(this.flow.room);
    if (!isEdited || !room || room.editHistory === "none") return false;
    return room.editHistory === "members" || author.id === me.id || rightsIn(me, room).has("moderate");
  }

  /** What one can do with the message of an entry; null if there is nothing. */
  #bar(entry) {
    const message = answerable(entry);
    if (!message || this.#selecting) return null;
    const { store, places } = this;
    const room = store.room(this.flow.room);
    return messageActions({ message, me: store.me, mayPin: store.mayPin(room.id), places, room, isClosed: store.isClosed(room.id), width: this.clientWidth, isInThread: Boolean(this.flow.thread) });
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
        return this.flow.want(seqOf(message.reply_to));
      case "drop":
        return store.dropNote(this.flow.room, note.id);
      case "react":
        return done(session.react(message.room, message.id, emoji, !reactedBy(message, emoji).includes(store.me.id)));
      case "choose":
        return done(this.#choose(message));
      case "link":
        return done(loaded(import("./message-links.js")).then((part) => part?.copyLink(message.id)));
      case "edits":
        return done(this.#openDialog(key, import("./edits-dialog.js"), (part) => part.showEdits(session, message)));
      case "forward":
        return done(this.#openDialog(key, import("./forward-dialog.js"), (part) => part.showForward(this, [message])));
      case "select":
        return done(this.#select(key));
      case "person":
        return done(this.#showPerson(message.author, key));
      case "pin":
        return done(session.pin(message.room, message.id, !message.pinned));
      case "delete":
        return done(this.#remove(message, key));
      case "retry":
        return session.outbox.retry(message.client_id);
      case "file":
        return this.dispatchEvent(new CustomEvent("rewrite", { detail: { message: { ...message, asFile: true } } }));
      case "discard":
        return session.outbox.discard(message.client_id);
      default:
        return this.dispatchEvent(new CustomEvent(what, { detail: { message } }));
    }
  }

  /** Reacts with an emoji that is chosen from all. */
  async #choose({ room, id }) {
    const emoji = await (await loaded(import("./emoji-choice.js")))?.chooseEmoji(this.places, this.session.preferences.account, this);
    if (emoji) await this.session.react(room, id, emoji, true);
  }

  /** Chooses several messages, of which this is the first. */
  async #select(key) {
    const part = await loaded(import("./selecting.js"));
    if (!part || !this.isConnected) return;
    const over = () => {
      this.#selecting = null;
      this.#rows.remake();
    };
    this.#selecting ??= new part.Selecting(this, { feed: this.#list, rows: this.#rows, over });
    this.#rows.remake();
    this.#selecting.toggle(this.#rows.entries[this.#rows.placeOf(key)]);
  }

  #showPerson(author, key) {
    const { session, store, places } = this;
    const open = (room) => this.dispatchEvent(new CustomEvent("room-opened", { bubbles: true, detail: { room } }));
    return this.#openDialog(key, import("./person-card.js"), (part) => part.showPerson({ session, store, places, open }, author));
  }

  /** The row may have been made anew when the dialog closes: then the focus goes to the same control of the new one. */
  async #openDialog(key, loading, show) {
    const before = document.activeElement;
    const part = await loaded(loading);
    if (part) show(part).addEventListener("close", () => before?.isConnected || this.#focusAgain(before, this.#rows.node(key)));
  }

  #focusAgain(control, row) {
    (row && control?.closest("[data-key]") ? twinOf(control, row) : row)?.focus({ preventScroll: true });
  }

  async #remove(message, key) {
    if (!(await ask(t("message.deleteConfirm"), t("message.delete")))) return;
    await this.session.remove(message.room, message.id);
    if (document.activeElement === document.body) this.#rows.node(key)?.focus({ preventScroll: true });
  }

  #onJump() {
    this.toEnd();
    this.#focus.focusPlace(this.#rows.entries.length - 1, -1);
  }
}

/** Whether none of the messages that are here stands in the room, though there are others. */
function isBare({ loaded, messages, moreBefore, moreAfter }) {
  return loaded && messages.length === 0 && (moreBefore || moreAfter);
}

/** Whether the formatter has something to do for an entry. */
function isMarked({ message, quoted }) {
  return [message, quoted].some((each) => each?.body && (hasMarks(each.body) || hasNames(each.body)));
}

/**
 * The message of an entry, unless it has gone, was refused, or there is none.
 * @param {{message?: any}} entry
 */
function answerable({ message } = {}) {
  return message && !message.deleted && (!message.state || message.state === "pending") ? message : null;
}

/** px, until it is measured. */
function estimate({ kind, message, grouped, folded, thread }) {
  if (kind === "day" || kind === "new" || kind === "replies") return 38;
  if (kind === "note") return 90;
  let lines = 0;
  if (folded) lines = 1;
  else for (const line of message.body.split("\n")) lines += Math.max(1, Math.ceil(line.length / LINE_CHARS));
  return lines * LINE_PX + (grouped ? 4 : HEAD_PX) + (message.reply_to ? 20 : 0) + (thread ? THREAD_PX : 0);
}

customElements.define("message-list", MessageList);
