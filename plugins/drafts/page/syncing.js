/**
 * Saves what is written here, and takes what was written on other devices. One thing is done after the other, so that no
 * answer is older than what is known. Without a connection all waits in the browser's own drafts.
 */

import { asWritten, decide, markOf, NONE } from "./merging.js";

const REST_MS = 1_500; // after the last key
const SENT_MS = 200; // after the composer became empty: the other devices need not show it longer
const AGAIN_MS = 30_000; // when the server could not save, or was not asked
const TRIES = 5; // where other devices write at the same time; then their notices begin another turn

export class Syncing {
  #page;
  #known;
  #user = null;
  #isCompared = false; // with the server's drafts, since this user is here
  #remote = new Map(); // drafts by place, as the server said last
  #timers = new Map(); // of what was written and is not saved yet, by place
  #written = new Map(); // marks of what was last written here, by place
  #work = Promise.resolve();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #again;

  constructor({ page, known }) {
    this.#page = page;
    this.#known = known;
  }

  /** Compares all drafts with the server's: after each connection, and when the server could not be asked. */
  begin() {
    return this.#next(async () => {
      clearTimeout(this.#again);
      if (!this.#meet()) return;
      const user = this.#user;
      const [remote, local] = [await this.#listed(), await this.#page.drafts()];
      if (!this.#meet() || this.#user !== user) return;
      this.#remote = remote;
      this.#isCompared = true;
      for (const draft of local) this.#note(draft);
      const keys = new Set([...remote.keys(), ...local.map(keyOf), ...this.#known.keys()]);
      for (const key of keys) await this.#settle(key, { maySave: true });
    });
  }

  /** Another device, or this one, has changed a draft. */
  onChanged({ room, thread, revision }) {
    return this.#next(async () => {
      const key = keyOf({ room, thread });
      if (!this.#isCompared || revision === this.#of(key).revision) return;
      await this.#ask(key);
      await this.#settle(key); // what is written here is saved when its time comes
    });
  }

  /** Something was written here, or sent, or the composer was left. */
  onDraft(draft) {
    if (!this.#meet()) return;
    const key = keyOf(draft);
    if (draft.left) {
      if (this.#timers.has(key)) this.#save(key);
      return;
    }
    if (!this.#note(draft)) return; // something else of the draft has changed
    clearTimeout(this.#timers.get(key));
    this.#timers.set(key, setTimeout(() => this.#save(key), markOf(draft) ? REST_MS : SENT_MS));
  }

  /** The page may go away: what waits is saved now. */
  flush() {
    for (const key of [...this.#timers.keys()]) this.#save(key);
  }

  /** The reader has signed out. */
  forget() {
    this.#reset(null);
    this.#known.clear();
  }

  /** Whether somebody is signed in; of whom nothing is known that was somebody else's. */
  #meet() {
    const user = this.#page.me()?.id ?? null;
    if (user !== this.#user) this.#reset(user);
    if (user !== null) this.#known.open(user);
    return user !== null;
  }

  #reset(user) {
    this.#user = user;
    this.#isCompared = false;
    this.#remote.clear();
    this.#written.clear();
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    clearTimeout(this.#again);
  }

  /** Notes what is written, and where the composer has become empty; whether the text is another one. */
  #note(draft) {
    const [key, mark] = [keyOf(draft), markOf(draft)];
    const { mark: saved, tried, emptied } = this.#known.of(key);
    const isEmptied = !mark && Boolean(saved || tried);
    if (isEmptied !== emptied) this.#known.change(key, { emptied: isEmptied });
    const isOther = mark !== (this.#written.get(key) ?? saved);
    this.#written.set(key, mark);
    return isOther;
  }

  #save(key) {
    clearTimeout(this.#timers.get(key));
    this.#timers.delete(key);
    void this.#next(() => this.#settle(key, { maySave: true, isWriting: true }));
  }

  #next(work) {
    this.#work = this.#work.then(work).catch((error) => this.#onFault(error));
    return this.#work;
  }

  /** With the next connection it begins again. */
  #onFault(error) {
    if (error.code === "connection.lost") return;
    if (!error.code) console.error("drafts:", error);
    clearTimeout(this.#again);
    this.#again = setTimeout(() => void this.begin(), AGAIN_MS);
  }

  async #listed() {
    const found = new Map();
    let after = "";
    do {
      const page = await this.#page.call("list", { after });
      for (const draft of page.drafts) found.set(keyOf(draft), draft);
      after = page.after;
    } while (after);
    return found;
  }

  /** Asks what the server has in this place now. */
  async #ask(key) {
    try {
      this.#remote.set(key, (await this.#page.call("get", placeOf(key))).draft);
    } catch (error) {
      if (error.retry === "later" || !error.code) throw error;
      this.#remote.delete(key); // the room is closed to the reader
    }
  }

  #of(key) {
    return this.#remote.get(key) ?? NONE;
  }

  /** Has the composer and the server have the same, unless something would be lost by it. */
  async #settle(key, { maySave = false, isWriting = false } = {}) {
    let isAsked = false;
    for (let tries = 0; tries < TRIES && this.#isCompared && this.#page.me()?.id === this.#user; tries++) {
      const [local, known, remote] = [this.#page.draft(placeOf(key)), this.#known.of(key), this.#of(key)];
      if (!isAsked && Number(remote.revision) < Number(known.revision)) {
        isAsked = true; // it went, or another tab has saved it since the server was asked
        await this.#ask(key);
        continue;
      }
      const what = decide({ local, known, remote, isWriting });
      if (what === "save" && maySave) {
        if (await this.#saved(key, local, remote.revision)) return;
      } else {
        if (what === "take") await this.#take(local, remote);
        if (what === "take" || what === "same") this.#learn(key, remote);
        return;
      }
    }
  }

  /** Whether the server answered for good; if not, another revision stands, which is now known. */
  async #saved(key, local, base) {
    const mark = markOf(local);
    this.#known.change(key, { tried: mark });
    const { text, reply_to } = local;
    try {
      const { saved, draft } = await this.#page.call("save", { ...placeOf(key), body: text, reply_to, base });
      this.#remote.set(key, draft);
      if (saved) this.#known.learn(key, draft.revision, mark, Boolean(mark) && this.#known.of(key).emptied);
      else this.#known.change(key, { tried: null });
      return saved;
    } catch (error) {
      if (error.retry === "later" || !error.code) throw error;
      this.#known.change(key, { tried: null });
      return true; // refused, until something else is written
    }
  }

  #learn(key, remote) {
    const mark = markOf(asWritten(remote));
    this.#known.learn(key, remote.revision, mark);
    this.#written.set(key, mark);
  }

  /** A message that was chosen to be answered, before anything was written, stays chosen. */
  #take({ room, thread, text, reply_to: chosen }, { body, reply = null }) {
    return this.#page.putDraft({ room, thread, text: body, ...(!text && chosen ? {} : { reply }) });
  }
}

/** Drafts are told apart by the room, or by the first message of the thread. */
function keyOf({ room, thread = null }) {
  return thread ?? room;
}

/** An id of a message begins with that of its room. */
function placeOf(key) {
  const [room, seq] = key.split("-");
  return seq ? { room, thread: key } : { room, thread: null };
}
