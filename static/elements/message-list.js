/**
 * The messages of a room: stays at the end while one reads there, loads upwards, and keeps its place
 * when something is added above. Needs `session`, `store`, `places` and the attribute data-room.
 * Fires "reply", "edit" and "rewrite" ({message}).
 */

import { h, icon, ICONS } from "../lib/dom.js";
import { formatDay, t } from "../lib/i18n.js";
import { timeline } from "../lib/timeline.js";
import { carryOver } from "./message-parts.js";
import { messageRow } from "./message-row.js";
import { noteRow } from "./note-row.js";
import { View } from "./view.js";

const END_PX = 60; // this close to the end counts as reading the end
const LOAD_AT_PX = 600;
const PAGES_SOUGHT = 40; // further up than this, a message that was wanted is not looked for

class MessageList extends View {
  session;
  store;
  places;
  #scroller;
  #list;
  #older;
  #start;
  #jump;
  #rows = new Map();
  #atEnd = true;
  #loading = false;
  #placed = false;
  #sought = 0;
  #resized;

  get #id() {
    return this.dataset.room;
  }

  build() {
    this.#rows.clear();
    this.#older = h("p", { class: "older muted", hidden: true }, t("message.loadOlder"));
    this.#start = h("p", { class: "older muted", hidden: true, "data-testid": "room-start" }, t("room.start"));
    this.#list = h("ol", { class: "messages", "data-testid": "messages" });
    this.#scroller = h(
      "div",
      { class: "scroller", tabindex: "0", role: "region", "aria-label": t("message.list"), "data-testid": "scroller" },
      this.#older,
      this.#start,
      this.#list,
    );
    this.#jump = h(
      "button",
      { class: "jump", type: "button", hidden: true, title: t("message.latest"), "aria-label": t("message.latest"), "data-testid": "jump", onclick: () => this.toEnd() },
      icon(ICONS.down),
    );
    this.append(this.#scroller, this.#jump);
    this.listen(this.#scroller, "scroll", () => this.#onScroll(), { passive: true });
    this.listen(this.store, "change", ({ detail }) => detail.room === this.#id && this.redraw());
    this.listen(this.session.outbox, "change", ({ detail }) => detail.room === this.#id && this.redraw());
    this.listen(this.places, "change", ({ detail }) => detail.place.startsWith("message.") && this.#addedChanged());
    this.listen(document, "visibilitychange", () => this.#onVisible());
    this.#resized = new ResizeObserver(() => this.#atEnd && this.#scrollToEnd());
    this.#resized.observe(this.#scroller);
    this.#resized.observe(this.#list);
  }

  teardown() {
    this.#resized.disconnect();
    this.store.hold(this.#id, false);
  }

  toEnd() {
    this.#setAtEnd(true);
    this.#scrollToEnd();
    this.redraw();
  }

  draw() {
    const room = this.store.room(this.#id);
    if (!room) return;
    const anchor = this.#atEnd ? null : this.#anchor();
    this.#reconcile(timeline({ ...room, outgoing: this.session.outbox.in(this.#id), me: this.store.me }));
    this.#older.hidden = !room.loaded || room.complete;
    this.#start.hidden = !room.complete;
    if (room.loaded && room.wanted !== null) this.#seek(room);
    else if (room.loaded && !this.#placed) this.#place();
    else if (anchor) this.#holdAt(anchor);
    else this.#scrollToEnd();
    this.#markRead();
    this.#loadIfNear(room);
  }

  /** All rows are made again, as each may show what a plugin has added. */
  #addedChanged() {
    for (const { node } of this.#rows.values()) node.remove();
    this.#rows.clear();
    this.redraw();
  }

  #setAtEnd(atEnd) {
    this.#atEnd = atEnd;
    this.#jump.hidden = atEnd;
    this.store.hold(this.#id, !atEnd);
  }

  /** Reuses the row of each key that still looks the same, so focus and selection survive. */
  #reconcile(items) {
    const rows = new Map();
    const mayPin = this.store.mayPin(this.#id);
    let place = this.#list.firstChild;
    for (const item of items) {
      const look = JSON.stringify([item, this.#quoted(item)?.body, mayPin]);
      const known = this.#rows.get(item.key);
      const row = known?.look === look ? known : { look, node: this.#make(item, mayPin) };
      rows.set(item.key, row);
      const focused = known && known !== row ? carryOver(known.node, row.node) : null;
      if (known && known !== row) {
        if (place === known.node) place = place.nextSibling;
        known.node.remove();
      }
      if (row.node === place) place = place.nextSibling;
      else this.#list.insertBefore(row.node, place);
      focused?.focus({ preventScroll: true });
    }
    for (const [key, { node }] of this.#rows) if (rows.get(key)?.node !== node) node.remove();
    this.#rows = rows;
  }

  #make(item, mayPin) {
    if (item.kind === "day") return h("li", { class: "day" }, h("span", {}, formatDay(item.at)));
    if (item.kind === "new") return h("li", { class: "new-line", "data-testid": "new-line" }, h("span", {}, t("message.new")));
    if (item.kind === "note") return noteRow(item.note, () => this.store.dropNote(this.#id, item.note.id));
    return messageRow({
      ...item,
      quoted: this.#quoted(item),
      me: this.store.me,
      mayPin,
      session: this.session,
      places: this.places,
      room: this.store.room(this.#id),
      tell: (type) => this.dispatchEvent(new CustomEvent(type, { detail: { message: item.message } })),
    });
  }

  #quoted({ message }) {
    return message?.reply_to ? this.store.room(this.#id).messages.find(({ id }) => id === message.reply_to) : undefined;
  }

  /** The first message in sight, which must not move when others come above it. Its row may be made anew. */
  #anchor() {
    const edge = this.#scroller.getBoundingClientRect().top;
    for (const [key, { node }] of this.#rows) {
      const { top, bottom } = node.getBoundingClientRect();
      if (bottom > edge && node.classList.contains("message")) return { key, top };
    }
    return null;
  }

  #holdAt({ key, top }) {
    const row = this.#rows.get(key)?.node;
    if (row) this.#scroller.scrollTop += row.getBoundingClientRect().top - top;
  }

  /** On opening: at the end, unless that would hide where the unread messages begin. */
  #place() {
    this.#placed = true;
    const line = this.#rows.get("new")?.node;
    const hidden = line && this.#list.lastChild.getBoundingClientRect().bottom - line.getBoundingClientRect().top > this.#scroller.clientHeight;
    if (!hidden) {
      this.#scrollToEnd();
      return;
    }
    this.#setAtEnd(false);
    line.scrollIntoView({ block: "start" });
  }

  /** Loads upwards, page by page, until the wanted message is here, and shows it. Each page leads to the next draw. */
  #seek(room) {
    this.#setAtEnd(false);
    if (!this.#placed) {
      this.#placed = true;
      this.redraw(); // the composer comes after the list, and takes room and the focus
      return;
    }
    const message = room.messages.find(({ seq }) => seq >= room.wanted);
    const further = !room.complete && this.#sought < PAGES_SOUGHT && (room.messages[0]?.seq ?? 0) > room.wanted;
    if (further) {
      this.#scroller.scrollTop = 0;
      return; // #loadIfNear goes on
    }
    room.wanted = null;
    this.#sought = 0;
    this.dispatchEvent(new CustomEvent("found"));
    const row = message && this.#list.querySelector(`[data-id="${CSS.escape(message.id)}"]`);
    row?.scrollIntoView({ block: "center" });
    row?.focus({ preventScroll: true });
    this.#onScroll(); // in a short room nothing moves, and the end is in sight
  }

  #scrollToEnd() {
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
  }

  #onScroll() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    this.#setAtEnd(scrollHeight - scrollTop - clientHeight < END_PX);
    this.#markRead();
    this.#loadIfNear(this.store.room(this.#id));
  }

  #onVisible() {
    if (document.visibilityState !== "visible") return;
    this.store.placeNewLine(this.#id);
    this.redraw();
  }

  #markRead() {
    if (this.#atEnd && this.#placed && document.visibilityState === "visible") this.session.markRead(this.#id);
  }

  #loadIfNear(room) {
    if (this.#loading || !room?.loaded || room.complete || this.#scroller.scrollTop > LOAD_AT_PX) return;
    this.#loading = true;
    if (room.wanted !== null) this.#sought += 1;
    const after = () => {
      this.#loading = false;
    };
    this.session.loadOlder(this.#id).then(after, after);
  }
}

customElements.define("message-list", MessageList);
