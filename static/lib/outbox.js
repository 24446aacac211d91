/**
 * Messages on their way out. Each keeps its client_id until the server has confirmed it, across lost
 * connections and reloads, so sending twice is sending once. One at a time per room keeps their order.
 * Fires "change" ({room}). No DOM.
 *
 * States: "pending" (waiting or under way) | "sent" (confirmed, its event not here yet) | "failed".
 */

import { clientId } from "./ids.js";

const RETRY_MS = 2_000;

export class Outbox extends EventTarget {
  #send;
  #storage;
  /** @type {string | null} */
  #key = null;
  #entries = [];
  #busy = new Set();
  #timers = new Map();

  /** `send(entry)` resolves with `{id, seq, at}` or rejects with a RequestError. */
  constructor({ send, storage = null }) {
    super();
    this.#send = send;
    this.#storage = storage;
  }

  /** Takes up what this user left unsent in this tab. */
  open(userId) {
    this.#key = `outbox:${userId}`;
    this.#entries = JSON.parse(this.#storage?.getItem(this.#key) ?? "[]");
  }

  /** Signing out: nothing of it stays behind. */
  clear() {
    if (this.#key) this.#storage?.removeItem(this.#key);
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    this.#entries = [];
    this.#key = null;
  }

  in(room) {
    return this.#entries.filter((entry) => entry.room === room);
  }

  /** `attached` as `Attached.take` returns it. */
  add(room, body, replyTo = null, attached = []) {
    const entry = { room, body, client_id: clientId(), at: new Date().toISOString(), state: "pending" };
    if (replyTo) entry.reply_to = replyTo;
    if (attached.length) entry.attached = attached;
    this.#entries.push(entry);
    this.#changed(room);
    this.flush(room);
    return entry;
  }

  retry(id) {
    const entry = this.#find(id);
    if (!entry) return;
    Object.assign(entry, { state: "pending", error: undefined });
    this.#changed(entry.room);
    this.flush(entry.room);
  }

  discard(id) {
    const entry = this.#find(id);
    if (entry) this.#remove(entry);
  }

  /** The message is in the log: seen as an event or in a page. `id` is its client_id. */
  confirmed(id) {
    const entry = this.#find(id);
    if (entry) this.#remove(entry);
  }

  /** Sends what waits, in one room or in all (after a reconnect). */
  flush(room = null) {
    const rooms = room ? [room] : new Set(this.#entries.map((entry) => entry.room));
    for (const id of rooms) void this.#work(id);
  }

  async #work(room) {
    if (this.#busy.has(room)) return;
    this.#busy.add(room);
    clearTimeout(this.#timers.get(room));
    try {
      let entry;
      while ((entry = this.#entries.find((each) => each.room === room && each.state === "pending"))) {
        if (!(await this.#sendOne(entry))) break;
      }
    } finally {
      this.#busy.delete(room);
    }
  }

  /** False when the room has to wait. */
  async #sendOne(entry) {
    try {
      const { seq } = await this.#send(entry);
      Object.assign(entry, { state: "sent", seq });
    } catch (error) {
      if (error.code === "connection.lost") return false; // the reconnect flushes
      if (error.retry === "later") {
        this.#timers.set(entry.room, setTimeout(() => this.flush(entry.room), error.afterMs || RETRY_MS));
        return false;
      }
      Object.assign(entry, { state: "failed", error: { code: error.code, message: error.message, detail: error.detail } });
    }
    this.#changed(entry.room);
    return true;
  }

  #find(id) {
    return this.#entries.find((entry) => entry.client_id === id);
  }

  #remove(entry) {
    this.#entries.splice(this.#entries.indexOf(entry), 1);
    this.#changed(entry.room);
  }

  #changed(room) {
    if (this.#key) this.#storage?.setItem(this.#key, JSON.stringify(this.#entries));
    this.dispatchEvent(new CustomEvent("change", { detail: { room } }));
  }
}
