/**
 * One thread: its root, and the newest replies down to one from which on all are here. Follows the events of its room. It
 * is to a list of messages what a room is (lib/room-flow.js), and has what the store has of a room. No DOM.
 *
 * Fires "change" ({room: the id of the root, only: "event", or null if more has changed}).
 */

import { Attached } from "./attached.js";
import { changeBy } from "./changes.js";
import { seqOf } from "./ids.js";
import { isMessage, messagesOf } from "./shapes.js";
import { change, covers } from "./window.js";

const MOST_OPENED = 5; // threads that are kept up to date after they were closed

/** The thread with this root, which is kept up to date from now on. */
export function openedThread({ session, store, room, id }) {
  const { opened } = session.threads;
  const thread = opened.get(id) ?? new Thread({ session, store, room, id });
  opened.delete(id);
  opened.set(id, thread);
  for (const old of [...opened.values()].slice(0, -MOST_OPENED)) {
    old.end();
    opened.delete(old.thread);
  }
  return thread;
}

export class Thread extends EventTarget {
  room; // the id of its room
  thread; // the id of its root
  messages = []; // the root first, if all replies are here
  loaded = false;
  moreBefore = false;
  moreAfter = false;
  prev = 0;
  next = 0;
  /** @type {number | null} */
  newFrom = null;
  notes = [];
  /** @type {number | null} */
  wanted = null;
  place = null;
  attached = new Attached();
  #session;
  #store;
  #passed = []; // events that came while a page was on its way
  #turn = 0; // how often all was forgotten
  /** @type {Promise<void> | null} */
  #loading = null;
  #ended = new AbortController();

  constructor({ session, store, room, id }) {
    super();
    Object.assign(this, { room, thread: id });
    this.#session = session;
    this.#store = store;
    const { signal } = this.#ended;
    store.addEventListener("logged", ({ detail }) => detail.event.room === room && this.#onEvent(detail.event), { signal });
    store.addEventListener("forgotten", ({ detail }) => detail.room === room && this.#forget(), { signal });
    store.addEventListener("answered", ({ detail }) => this.#change(detail.message, (message) => ({ ...message, note: detail.note })), { signal });
    session.threads.addEventListener("change", ({ detail }) => detail.room === room && this.#changed("event"), { signal });
  }

  end() {
    this.#ended.abort();
    this.attached.clear();
  }

  get key() {
    return this.thread;
  }

  get source() {
    return this;
  }

  get state() {
    return this;
  }

  get root() {
    return this.thread;
  }

  get count() {
    return this.#session.threads.of(this.room, this.thread)?.count ?? 0;
  }

  /** Where messages that were refused stand, as in the room. */
  get refused() {
    return this.#store.room(this.room)?.refused ?? new Map();
  }

  /** Number of replies by others that were not seen. */
  get unread() {
    const seen = this.#seen;
    return this.messages.filter((message) => message.seq > seen && message.id !== this.thread && !this.#isIgnored(message.author)).length;
  }

  get outgoing() {
    return this.#session.outbox.in(this.room).filter(({ thread }) => thread === this.thread);
  }

  summaryOf = () => null;

  /** With `broadcast` the reply stands in the room, too. */
  send(body, reply, attached, place = {}) {
    this.#session.send(this.room, body, reply, attached, { ...place, thread: this.thread });
  }

  /** The server tells of those who type in rooms alone. */
  typing() {}

  /** Makes sure that the newest replies are here, and those on from the one that is wanted. */
  async open() {
    this.#session.threads.need(this.room, this.thread);
    while (!this.loaded) await this.#load();
    while (this.wanted !== null && !covers(this, this.wanted)) await this.loadOlder();
  }

  async loadAround(seq) {
    this.wanted = seq;
    await this.open();
  }

  async loadNewest() {
    await this.open();
  }

  async loadOlder() {
    if (this.loaded && this.moreBefore) await this.#load(this.prev);
  }

  async loadNewer() {}

  markRead() {
    const last = this.messages.at(-1);
    if (this.loaded && last && last.id !== this.thread) this.#session.threads.markSeen(this.room, this.thread, last.seq);
  }

  placeNewLine() {
    this.newFrom = this.unread > 0 ? Math.max(this.#seen, seqOf(this.thread)) : null; // the root is not new
  }

  want(seq) {
    this.wanted = seq;
    this.#changed();
  }

  hold() {}

  enter() {}

  leave(place) {
    this.place = place;
  }

  get #seen() {
    return this.#session.threads.seen(this.room, this.thread);
  }

  #isIgnored({ id }) {
    return id === this.#store.me?.id || this.#store.blocked.has(id);
  }

  /**
   * A page of the replies before a seq, or of the newest. One at a time.
   * @param {number | null} before
   */
  #load(before = null) {
    this.#loading ??= this.#page(before).finally(() => {
      this.#loading = null;
      this.#passed = [];
    });
    return this.#loading;
  }

  async #page(before) {
    const turn = this.#turn;
    const page = await this.#session.thread(this.room, this.thread, before);
    const messages = messagesOf(page);
    if (turn !== this.#turn) return;
    const isFirst = !this.loaded;
    Object.assign(this, { messages: [...messages, ...this.messages], loaded: true, moreBefore: Boolean(page.more) });
    this.prev = messages[0]?.seq ?? before ?? page.head + 1;
    if (!this.moreBefore && isMessage(page.root)) this.messages = [page.root, ...this.messages];
    for (const event of this.#passed) this.#apply(event);
    if (isFirst) this.placeNewLine();
    this.#session.arrived(this.room, messages);
    this.#changed();
  }

  #onEvent(event) {
    if (this.#loading) this.#passed.push(event);
    if (this.loaded) this.#apply(event);
  }

  /** An event may come once more, with a page that was read before it. */
  #apply(event) {
    if (event.ev === "message.posted" && event.thread === this.thread && !(this.messages.at(-1)?.seq >= event.seq)) {
      const { ev: _, ...message } = event;
      this.messages = [...this.messages, message];
      this.#changed("event");
    }
    const changed = changeBy(event);
    if (changed) this.#change(event.message, changed);
  }

  #change(id, changed) {
    if (change(this, id, changed)) this.#changed("event");
  }

  /** Events were lost, or the log is another one. */
  #forget() {
    this.#turn += 1;
    Object.assign(this, { messages: [], loaded: false, moreBefore: false, prev: 0, place: null });
    this.#changed();
  }

  /** @param {"event" | null} only */
  #changed(only = null) {
    this.dispatchEvent(new CustomEvent("change", { detail: { room: this.thread, only } }));
  }
}
