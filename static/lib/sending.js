/** What the user writes, on its way: drafts, messages, and word that somebody is typing. No DOM. */

import { dataOf } from "./attached.js";
import { Drafts } from "./drafts.js";
import { Outbox } from "./outbox.js";
import { RequestError } from "./socket.js";

const TYPING_EVERY_MS = 3_000;

export class Sending {
  outbox;
  drafts;
  #connection;
  #store;
  #isMine;
  #onSignedOut;
  #postedAs;
  #typed = new Map(); // by room, when the server was told last

  /**
   * `isMine()` says whether the connection is known to be the user's; `onSignedOut()` is called when the server says that
   * nobody is signed in. The others as for a Session.
   */
  constructor({ connection, store, threads, records, tabs, upload, isMine, onSignedOut }) {
    this.#connection = connection;
    this.#store = store;
    this.#isMine = isMine;
    this.#onSignedOut = onSignedOut;
    const headOf = (room) => store.room(room)?.lastSeq ?? null;
    const isSeen = (room, seq) => seq <= (store.room(room)?.lastSeq ?? 0);
    const isOwn = ({ author, client_id: id }, clientId) => id === clientId && author.id === store.me?.id;
    this.#postedAs = (room, clientId) => store.room(room)?.messages.find((message) => isOwn(message, clientId))?.id ?? threads.postedAs(clientId);
    this.outbox = new Outbox({ send: (entry) => this.#post(entry), upload, records, tabs, isSeen, postedAs: this.#postedAs, headOf });
    this.outbox.addEventListener("change", ({ detail }) => this.placeRefused(detail.room));
    // What waited, as the room was slow, may go by its new settings.
    store.addEventListener("logged", ({ detail: { event } }) => event.ev === "room.changed" && this.outbox.flush(event.room));
    this.drafts = new Drafts({ records, tabs });
    this.outbox.addEventListener("stored", ({ detail }) => this.drafts.keepAgain(detail.draft));
  }

  start(user) {
    void this.outbox.open(user);
    void this.drafts.open(user);
  }

  stop() {
    this.outbox.close();
    this.drafts.close();
  }

  /**
   * `reply` is the message that this one answers, with its `id`, or the `client_id` of one on its way; `place` the thread
   * that it is a reply in, as `Outbox.add` takes it.
   */
  send(room, body, reply, attached, place = {}) {
    this.#typed.delete(room);
    const posted = reply && !reply.id ? this.#postedAs(room, reply.client_id) : null;
    return this.outbox.add(room, body, posted ? { id: posted } : reply, attached, this.drafts.sent(place.thread ?? room), place);
  }

  /** A message that is no draft: what is being written in the room stays. */
  forward(room, body) {
    this.outbox.add(room, body);
  }

  typing(room, now = Date.now()) {
    if (now - (this.#typed.get(room) ?? 0) < TYPING_EVERY_MS) return;
    this.#typed.set(room, now);
    this.#connection.notify("typing", { room });
  }

  /** A message is in the log: if it is one that was under way, it has arrived. */
  confirm({ author, client_id, id }) {
    if (author.id === this.#store.me?.id) this.outbox.confirmed(client_id, id);
  }

  /** A page of the room's messages has come into the store. */
  onPage(room, messages) {
    for (const message of messages) this.confirm(message);
    this.outbox.seen(room, this.#store.room(room)?.lastSeq ?? 0);
  }

  /** Remembers where the refused messages of a room stand. */
  placeRefused(id) {
    this.#store.placeRefused(id, this.outbox.in(id));
  }

  async #post({ room, client_id, body, reply_to, thread, broadcast, attached }) {
    const fields = { room, client_id, body, reply_to, thread, broadcast, data: attached && dataOf(attached) }; // JSON leaves out what is undefined
    if (!this.#isMine()) throw new RequestError({ code: "connection.lost", message: "", retry: "later" });
    try {
      return await this.#connection.request("send", fields);
    } catch (error) {
      if (error.code === "auth.required") this.#onSignedOut();
      throw error;
    }
  }
}
