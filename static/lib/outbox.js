/**
 * Messages on their way out. Each is stored in the browser before it is sent, and keeps its client_id until the server has
 * it, so sending twice is sending once. One at a time in each room, and in each thread, keeps their order: what waits for
 * the network, the server or the author's decision on a refusal holds back the rest of its queue, and no other. A message
 * whose files were being uploaded when it was sent is a queue of its own, and comes when they are there. No DOM.
 *
 * All tabs of a user show the same messages; one tab sends them (lib/tabs.js). A message that could be kept in its own tab
 * alone is sent by that tab.
 *
 * States: "pending" (waiting or under way) | "sent" (the server has it, its event is not here yet) | "failed" (refused).
 * Fires "change" ({room}), and "stored" ({draft}: the room or thread) when a new message is.
 */

import { clientId } from "./ids.js";
import { Records } from "./records.js";
import { RequestError } from "./socket.js";
import { ALONE } from "./tabs.js";

export const MOST = 1_000; // messages of one user that wait
const RETRY_MS = 2_000;
const LONGEST_RETRY_MS = 60_000;
const SIGNED_OUT = new Set(["auth.required", "auth.invalid"]); // after signing in again it is sent

export class Outbox extends EventTarget {
  #send;
  #upload;
  #records;
  #tabs;
  #isSeen;
  #headOf;
  #postedAs;
  #user = null;
  /** @type {Promise<void> | null} */
  #opening = null;
  #entries = [];
  #gone = new Set(); // client_ids of messages that left, which a read begun earlier may still bring
  #underWay = new Set();
  #unstored = new Map(); // by client_id, the draft of a message that is being stored
  #busy = new Set(); // queues
  #timers = new Map(); // by queue
  #failures = new Map(); // by queue, since the last answer
  #uploads = new Map(); // by client_id, of messages whose files are being uploaded: `{stop, progress}`

  /**
   * `send(entry)` resolves with `{id, seq}` or rejects with a RequestError; `upload(attachment, {signal, onprogress})` with
   * the value that its file becomes. `isSeen(room, seq)` says whether the event with that seq is here, `headOf(room)` is the seq of the last
   * one; `postedAs(room, clientId)` is the id of the author's own message if it is among those shown, else null.
   */
  constructor({ send, upload, records = new Records(), tabs = ALONE, isSeen = () => false, headOf = () => null, postedAs = () => null }) {
    super();
    this.#send = send;
    this.#upload = upload;
    this.#records = records;
    this.#tabs = tabs;
    this.#isSeen = isSeen;
    this.#headOf = headOf;
    this.#postedAs = postedAs;
    tabs.addEventListener("leader", () => void this.#readAgain().then(() => this.flush()));
    tabs.addEventListener("message", ({ detail }) => this.#onTold(detail));
  }

  /** Takes up what this user left unsent in this browser. */
  async open(user) {
    this.close();
    this.#user = user;
    this.#opening = this.#readAgain();
    await this.#opening;
    this.flush();
  }

  /** The session has ended; the messages stay in the browser until their author is back. */
  close() {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    this.#failures.clear();
    this.#gone.clear();
    this.#unstored.clear();
    for (const { stop } of this.#uploads.values()) stop.abort();
    this.#entries = [];
    this.#user = null;
  }

  /** Number of messages that the server does not have. */
  get unsent() {
    return this.#entries.filter(({ state }) => state !== "sent").length;
  }

  /** The unsent messages of all rooms but these, in order. */
  outside(rooms) {
    const ids = new Set(rooms.map(({ id }) => id));
    return this.#entries.filter(({ room, state }) => state !== "sent" && !ids.has(room)).map((entry) => ({ ...entry }));
  }

  /** Number of unsent messages that end with the tab. */
  get unsafe() {
    return this.#entries.filter(({ state, kept }) => state !== "sent" && kept === "tab").length;
  }

  get isFull() {
    return this.unsent >= MOST;
  }

  /**
   * The messages of a room, in order. `isHeld` tells that an earlier one was refused; `quoted` is the message on its way
   * that this one answers; `progress`, from 0 to 1, how far its files are uploaded.
   */
  in(room) {
    const held = new Set(); // queues
    return this.#of(room).map((entry) => {
      const quoted = entry.reply_to_unsent && this.#find(entry.reply_to_unsent);
      const uploading = this.#uploads.get(entry.client_id);
      const shown = { ...entry, ...(held.has(queueOf(entry)) && { isHeld: true }), ...(quoted && { quoted: { body: quoted.body } }), ...(uploading && { progress: uploading.progress }) };
      if (entry.state === "failed") held.add(queueOf(entry));
      return shown;
    });
  }

  /**
   * Returns the new entry, which is shown at once and sent when it is stored. `reply` is the answered message, `{id}`, or
   * `{client_id}` of one on its way. `attached` as `Attached.take` returns it; `draft` is the record that the message was,
   * as `Drafts.sent` returns it; `place` is the thread that the message is a reply in, whether it goes to the room, too, and
   * whether it holds nothing back, `aside`.
   * @param {{id?: string, client_id?: string} | null} reply
   * @param {{thread?: string, broadcast?: boolean, aside?: boolean}} place
   */
  add(room, body, reply = null, attached = [], draft = null, place = {}) {
    const id = clientId();
    const last = this.#entries.reduce((most, { order }) => Math.max(most, order), 0);
    const entry = { room, body, client_id: id, at: new Date().toISOString(), state: "pending", order: last + 1, kept: null };
    if (reply?.id) entry.reply_to = reply.id;
    else if (reply) Object.assign(entry, this.#replyTo(reply.client_id));
    if (attached.length) entry.attached = attached;
    if (place.thread) entry.thread = place.thread;
    if (place.broadcast) entry.broadcast = true;
    if (place.aside) entry.aside = true;
    this.#entries.push(entry);
    this.#changed(room);
    void this.#store(entry, draft);
    return { ...entry };
  }

  /** Sends a refused message again. */
  retry(id) {
    const entry = this.#find(id);
    if (entry?.state !== "failed") return;
    this.#change(entry, { state: "pending", error: undefined });
    this.#changed(entry.room);
  }

  /** Gives a message up. One that answers it is sent without the reference. */
  discard(id) {
    const entry = this.#find(id);
    if (!entry) return;
    this.#uploads.get(id)?.stop.abort();
    this.#leave(entry, {});
  }

  /** The author's own message is in the log under `messageId`: seen as an event or in a page. */
  confirmed(id, messageId) {
    const entry = this.#find(id);
    if (entry) this.#leave(entry, { reply_to: messageId });
  }

  /** All events of a room up to this seq are here, or need no more showing. */
  seen(room, seq) {
    for (const entry of this.#of(room)) if (entry.state === "sent" && entry.seq <= seq) this.#drop(entry);
  }

  /** Sends what waits, in one room or in all (after a reconnect). */
  flush(room = null) {
    const entries = room ? this.#of(room) : this.#entries;
    for (const queue of new Set(entries.map(queueOf))) void this.#work(queue);
  }

  /** The page is going away, perhaps before the last messages are stored. Those with files are drafts again. */
  leaving() {
    for (const entry of this.#entries)
      if (this.#unstored.has(entry.client_id) && !hasFiles(entry)) this.#records.jot("outbox", recordOf(entry, this.#user), this.#unstored.get(entry.client_id));
  }

  async #store(entry, draft) {
    const user = this.#user;
    this.#unstored.set(entry.client_id, draft);
    this.#records.hold("outbox", recordOf(entry, user));
    await this.#opening;
    if (this.#user !== user) return;
    const { order, kept } = await this.#records.append("outbox", recordOf(entry, user), draft);
    if (this.#user !== user) return;
    this.#unstored.delete(entry.client_id);
    this.dispatchEvent(new CustomEvent("stored", { detail: { draft: entry.thread ?? entry.room } }));
    if (this.#find(entry.client_id) !== entry) {
      void this.#records.change({ remove: [["outbox", keyOf(entry.client_id, user)]] }); // given up meanwhile
      return;
    }
    Object.assign(entry, { order, kept });
    this.#entries.sort((a, b) => a.order - b.order);
    this.#changed(entry.room);
    this.#tabs.tell({ outbox: "changed" });
    this.flush(entry.room);
  }

  async #work(queue) {
    if (this.#busy.has(queue)) return;
    this.#busy.add(queue);
    clearTimeout(this.#timers.get(queue));
    try {
      let entry;
      while ((entry = this.#next(queue)) && (await this.#deliver(entry)));
    } finally {
      this.#busy.delete(queue);
    }
  }

  /** The message that this tab has to send now, or null. One that answers a message of another queue waits for that. */
  #next(queue) {
    const first = this.#entries.find((entry) => queueOf(entry) === queue && entry.state !== "sent");
    if (first?.state !== "pending" || first.kept === null || this.#find(first.reply_to_unsent)) return null;
    return first.kept === "tab" || this.#tabs.isLeader ? first : null;
  }

  /** False when the queue has to wait. */
  async #deliver(entry) {
    const user = this.#user;
    let answer;
    this.#underWay.add(entry.client_id);
    try {
      if (hasFiles(entry)) await this.#uploadFiles(entry);
      if (this.#user !== user) return false;
      if (this.#find(entry.client_id) !== entry) return true; // given up meanwhile
      answer = await this.#send(entry);
      if (typeof answer?.id !== "string" || !Number.isInteger(answer.seq)) throw noAnswer();
    } catch (error) {
      return this.#user === user && this.#onRefusal(entry, error);
    } finally {
      this.#underWay.delete(entry.client_id);
    }
    if (this.#user !== user) return false;
    this.#failures.delete(queueOf(entry));
    this.#tabs.tell({ outbox: "sent", client_id: entry.client_id, id: answer.id, seq: answer.seq });
    this.#onSent(entry, answer);
    return true;
  }

  /** The files go together, and end together. Each is stored as soon as it is uploaded, so that it is not uploaded again. */
  async #uploadFiles(entry) {
    const { client_id: id } = entry;
    const key = keyOf(id, this.#user);
    const stop = new AbortController();
    const files = entry.attached.filter(({ value }) => value === null);
    this.#progressed(entry, stop, 0);
    try {
      const parts = files.map(() => 0);
      const one = async (waiting, place) => {
        const onprogress = (part) => {
          parts[place] = part;
          this.#progressed(entry, stop, parts.reduce((sum, each) => sum + each) / files.length);
        };
        const { file: _, ...rest } = waiting;
        const done = { ...rest, value: await this.#upload(waiting, { signal: stop.signal, onprogress }) };
        if (stop.signal.aborted) return;
        onprogress(1);
        entry.attached = entry.attached.map((each) => (each === waiting ? done : each));
        await this.#records.change({ update: [["outbox", key, { attached: entry.attached }]] });
      };
      const settled = await Promise.allSettled(files.map(one)); // those that are done are kept, whatever becomes of the others
      for (const each of settled) if (each.status === "rejected") throw each.reason;
    } finally {
      this.#uploads.delete(id);
      this.#changed(entry.room);
    }
  }

  /** Tells of each percent. */
  #progressed({ client_id: id, room }, stop, part) {
    const progress = Math.floor(part * 100) / 100;
    if (stop.signal.aborted || this.#uploads.get(id)?.progress === progress) return;
    this.#uploads.set(id, { stop, progress });
    this.#changed(room);
  }

  #onSent(entry, { id, seq }) {
    Object.assign(entry, { state: "sent", id, seq });
    this.#forgetStored(entry, { reply_to: id });
    if (this.#isSeen(entry.room, seq)) this.#drop(entry);
    else this.#changed(entry.room);
    this.flush(entry.room);
  }

  #onRefusal(entry, error) {
    if (this.#find(entry.client_id) !== entry) return true; // given up meanwhile
    if (error.code === "connection.lost" || SIGNED_OUT.has(error.code)) return false; // the next connection flushes
    const reason = { code: error.code, message: error.message, detail: error.detail };
    if (error.retry === "later") {
      const queue = queueOf(entry);
      const failures = this.#failures.get(queue) ?? 0;
      this.#failures.set(queue, failures + 1);
      const delay = error.afterMs || Math.min(LONGEST_RETRY_MS, RETRY_MS * 2 ** failures);
      const timer = setTimeout(() => void this.#work(queue), delay);
      unref(timer);
      this.#timers.set(queue, timer);
      entry.error = reason;
      this.#changed(entry.room);
      return false;
    }
    this.#change(entry, { state: "failed", error: reason, after: this.#headOf(entry.room) });
    return true;
  }

  #change(entry, fields) {
    Object.assign(entry, fields);
    this.#changed(entry.room);
    const key = keyOf(entry.client_id, this.#user);
    void this.#records.change({ update: [["outbox", key, fields]] }).then(() => this.#tabs.tell({ outbox: "changed" }));
    this.flush(entry.room);
  }

  /** The message leaves; those that answer it get these fields. */
  #leave(entry, replies) {
    this.#forgetStored(entry, replies);
    this.#drop(entry);
    this.flush(entry.room);
  }

  /** In one transaction, so that no reply ever points to a message that is not there. */
  #forgetStored(entry, replies) {
    const user = this.#user;
    const fields = { reply_to_unsent: undefined, ...replies };
    const waiting = this.#entries.filter((each) => each.reply_to_unsent === entry.client_id);
    for (const each of waiting) Object.assign(each, fields);
    this.#gone.add(entry.client_id);
    const update = waiting.map((each) => ["outbox", keyOf(each.client_id, user), fields]);
    const done = this.#records.change({ remove: [["outbox", keyOf(entry.client_id, user)]], update });
    void done.then(() => this.#tabs.tell({ outbox: "changed" }));
  }

  #onTold({ outbox, client_id, id, seq }) {
    if (outbox === "changed") void this.#readAgain().then(() => this.flush());
    if (outbox !== "sent") return;
    const entry = this.#find(client_id);
    if (entry) this.#onSent(entry, { id, seq });
  }

  /** What the browser has is the truth about all messages that are stored there. */
  async #readAgain() {
    const user = this.#user;
    if (user === null) return;
    const { records, isWhole } = await this.#records.all("outbox", user);
    if (this.#user !== user) return;
    const stored = new Map(records.map((record) => [record.client_id, record]));
    for (const id of this.#gone) if (!stored.delete(id) && isWhole) this.#gone.delete(id);
    const rooms = new Set([...stored.values(), ...this.#entries].map(({ room }) => room));
    for (const entry of this.#entries) {
      const record = stored.get(entry.client_id);
      stored.delete(entry.client_id);
      const isBusy = this.#underWay.has(entry.client_id) || this.#unstored.has(entry.client_id);
      if (record && entry.state !== "sent" && !isBusy) Object.assign(entry, entryOf(record));
    }
    const left = (entry) => isWhole && entry.kept === "browser" && entry.state !== "sent" && !this.#underWay.has(entry.client_id);
    const known = new Set(records.map((record) => record.client_id));
    this.#entries = this.#entries.filter((entry) => known.has(entry.client_id) || !left(entry));
    this.#entries.push(...[...stored.values()].map(entryOf));
    // Another tab has sent it, and its event was here before this read: it must not be shown twice.
    for (const entry of stored.values()) {
      const id = this.#postedAs(entry.room, entry.client_id);
      if (id !== null) this.confirmed(entry.client_id, id);
    }
    this.#entries.sort((a, b) => a.order - b.order);
    for (const room of rooms) this.#changed(room);
  }

  #replyTo(id) {
    const target = this.#find(id);
    if (!target) return {};
    return target.state === "sent" ? { reply_to: target.id } : { reply_to_unsent: id };
  }

  #of(room) {
    return this.#entries.filter((entry) => entry.room === room);
  }

  #find(id) {
    return this.#entries.find((entry) => entry.client_id === id);
  }

  #drop(entry) {
    const at = this.#entries.indexOf(entry);
    if (at >= 0) this.#entries.splice(at, 1);
    this.#changed(entry.room);
  }

  #changed(room) {
    this.dispatchEvent(new CustomEvent("change", { detail: { room } }));
  }
}

const noAnswer = () => new RequestError({ code: "server.internal", message: "The server made a mistake.", retry: "later" });

/** Whether a file has yet to be uploaded. */
function hasFiles({ attached = [] }) {
  return attached.some(({ value }) => value === null);
}

/** Messages with the same one are sent one after the other. */
function queueOf({ room, thread, aside, client_id: id }) {
  return aside ? id : (thread ?? room);
}

function keyOf(id, user) {
  return `${user} ${id}`;
}

function recordOf({ kept: _, ...entry }, user) {
  return { ...entry, key: keyOf(entry.client_id, user), user };
}

function entryOf({ key: _, user: __, isLater: ___, ...entry }) {
  return entry;
}

/**
 * Lets node end while a timer runs; a browser needs no such word.
 * @param {any} timer
 */
function unref(timer) {
  timer.unref?.();
}
