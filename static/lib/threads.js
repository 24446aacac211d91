/**
 * What is told of threads beneath the messages of rooms: how many replies, the last of their authors, and whether there
 * is something new for the reader. The server is asked about messages that are here; events tell the rest. No DOM.
 *
 * Fires "change" ({room}) and "read" ({room, thread, seq}: the newest reply of a thread, by the id of its root, is in sight).
 */

import { MOST_ASKED } from "./requests.js";
import { SeenThreads } from "./seen-threads.js";

const AUTHORS = 3;
const MOST_POSTED = 50;
const MOST_KNOWN = 500; // messages of a room, until those that are not here any more go

export class Threads extends EventTarget {
  opened = new Map(); // by the id of the root, those that were shown here (lib/thread.js), the last one at the end
  #ask;
  #store;
  #seen;
  #rooms = new Map(); // by room, `{known, asked}`: by message its summary, null without replies; the replies since the server was asked
  #posted = new Map(); // by client_id, the ids of the reader's own last messages
  #told = new Map(); // by root, the seq of the newest reply that was in sight

  /** `ask(room, ids)` resolves with summaries by message; `storage` is localStorage, or null. */
  constructor({ ask, store, storage = null }) {
    super();
    this.#ask = ask;
    this.#store = store;
    this.#seen = new SeenThreads(storage);
    store.addEventListener("logged", ({ detail }) => detail.event.ev === "message.posted" && this.#onPosted(detail.event));
    store.addEventListener("forgotten", ({ detail }) => this.#rooms.delete(detail.room));
  }

  start(user) {
    this.reset();
    this.#seen.start(user);
  }

  /** `isAsked`: the reader has signed out, and leaves nothing here. */
  reset({ isAsked = false } = {}) {
    for (const thread of this.opened.values()) thread.end();
    this.opened.clear();
    for (const known of [this.#rooms, this.#posted, this.#told]) known.clear();
    if (isAsked) this.#seen.clear();
  }

  /** `{count, seq, at, authors: [{id, name}, …], isNew}` of the thread beneath a message; null without replies. */
  of(room, id) {
    return this.#rooms.get(room)?.known.get(id) ?? null;
  }

  /** The id of a message of the reader's own that was posted a moment ago, or null. */
  postedAs(clientId) {
    return this.#posted.get(clientId) ?? null;
  }

  /** Asks about the messages of a room that are here and of which nothing is known. */
  refresh(room) {
    this.#prune(room);
    const { known, asked } = this.#of(room);
    const isUnknown = ({ id, thread }) => !thread && !known.has(id) && !asked.has(id);
    const ids = (this.#store.room(room)?.messages ?? []).filter(isUnknown).map(({ id }) => id);
    for (let at = 0; at < ids.length; at += MOST_ASKED) void this.#load(room, ids.slice(at, at + MOST_ASKED));
  }

  /** The connection is back. */
  refreshAll() {
    for (const { id, opened } of this.#store.joined()) if (opened) this.refresh(id);
  }

  /** A thread is shown whose root is perhaps not among the messages that are here. */
  need(room, id) {
    const { known, asked } = this.#of(room);
    if (!known.has(id) && !asked.has(id)) void this.#load(room, [id]);
  }

  /** The seq of the last reply in a thread that the reader has seen; 0 if there was none. */
  seen(room, id) {
    return this.#seen.of(id) ?? this.#store.room(room)?.readAtFirst ?? 0;
  }

  /** The newest reply of a thread is in sight. */
  markSeen(room, id, seq) {
    if ((this.#told.get(id) ?? 0) >= seq) return;
    this.#told.set(id, seq);
    if (seq > (this.#seen.of(id) ?? 0)) this.#seen.set(id, seq);
    const summary = this.of(room, id);
    if (summary?.isNew && summary.seq <= seq) this.#tell(room, id, { ...summary, isNew: false });
    this.dispatchEvent(new CustomEvent("read", { detail: { room, thread: id, seq } }));
  }

  #of(room) {
    if (!this.#rooms.has(room)) this.#rooms.set(room, { known: new Map(), asked: new Map() });
    return this.#rooms.get(room);
  }

  #prune(room) {
    const { known } = this.#of(room);
    if (known.size <= MOST_KNOWN) return;
    const here = new Set(this.#store.room(room)?.messages.map(({ id }) => id));
    for (const id of known.keys()) if (!here.has(id) && !this.opened.has(id)) known.delete(id);
  }

  /** What cannot be learnt now is asked for with the next page, or on the next connection. */
  async #load(room, ids) {
    const { known, asked } = this.#of(room); // others, if its messages are forgotten meanwhile
    for (const id of ids) asked.set(id, []);
    try {
      const threads = await this.#ask(room, ids);
      for (const id of ids) {
        const told = threads[id] ? this.#judged(room, id, threads[id]) : null;
        known.set(id, asked.get(id).reduce((summary, reply) => this.#added(summary, reply), told));
      }
      this.#changed(room);
    } catch (error) {
      if (error.code !== "connection.lost") console.debug(error);
    } finally {
      for (const id of ids) asked.delete(id);
    }
  }

  #judged(room, id, { count, seq, at, authors }) {
    const isNew = !this.#isIgnored(authors[0]) && seq > this.seen(room, id);
    if (isNew && this.#seen.of(id) === null) this.#seen.set(id, this.seen(room, id)); // the room's marker goes on
    return { count, seq, at, authors, isNew };
  }

  #onPosted(message) {
    const { room, id, thread, author, client_id: clientId } = message;
    if (author.id === this.#store.me?.id) {
      this.#posted.set(clientId, id);
      if (this.#posted.size > MOST_POSTED) this.#posted.delete(this.#posted.keys().next().value);
    }
    if (!this.#rooms.has(room)) return; // nothing of it was shown
    this.#prune(room);
    const { known, asked } = this.#of(room);
    asked.get(thread)?.push(message);
    if (!thread) known.set(id, null);
    else if (known.has(thread)) this.#tell(room, thread, this.#added(known.get(thread), message));
  }

  /** A summary with one more reply. The reader's own one says that those before it were seen. */
  #added(summary, { room, thread, seq, at, author }) {
    const { count = 0, authors = [], seq: before = 0, isNew = false } = summary ?? {};
    if (seq <= before) return summary;
    const others = authors.filter(({ id }) => id !== author.id);
    const isMine = author.id === this.#store.me?.id;
    if (isMine || this.#seen.of(thread) === null) this.#seen.set(thread, isMine ? seq : Math.max(before, this.seen(room, thread)));
    const last = [{ id: author.id, name: author.name }, ...others].slice(0, AUTHORS);
    return { count: count + 1, seq, at, authors: last, isNew: !isMine && (isNew || !this.#isIgnored(author)) };
  }

  #isIgnored(author) {
    return author?.id === this.#store.me?.id || this.#store.blocked.has(author?.id);
  }

  #tell(room, id, summary) {
    this.#of(room).known.set(id, summary);
    this.#changed(room);
  }

  #changed(room) {
    this.dispatchEvent(new CustomEvent("change", { detail: { room } }));
  }
}
