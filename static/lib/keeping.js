/**
 * Keeps what is read (kept.js) as it changes: the list of rooms, whom they block, and the newest messages of rooms that
 * are open, up to the event that was seen last. Begins when the server has said who the reader is. No DOM.
 */

const EVERY_MS = 3_000;
const MOST_ROOMS = 500;
const KEPT_FIELDS = ["id", "name", "kind", "topic", "joined", "role", "head", "read", "unread", "mentions", "prefers", "other"];
const MOST_MESSAGES = 50; // a page of history
const MOST_CHARACTERS = 64_000; // of a room's messages, as JSON

export class Keeping {
  #kept;
  #store;
  #epoch;
  #me = null;
  #changed = new Set();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer = undefined;

  /** `epoch` returns that of the log from which the store has its messages, null before the server has told it. */
  constructor({ kept, store, epoch }) {
    this.#kept = kept;
    this.#store = store;
    this.#epoch = epoch;
    store.addEventListener("change", ({ detail }) => this.#note(detail.room));
  }

  get isOn() {
    return this.#me !== null;
  }

  start(me) {
    this.#me = me;
    this.#note(null);
  }

  /** The session has ended: nothing of it stays. */
  async stop() {
    this.#me = null;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#changed.clear();
    await this.#kept.clear();
  }

  #note(room) {
    this.#changed.add(room);
    if (this.#me === null) return; // kept once the server has said who reads
    this.#timer ??= setTimeout(() => void this.flush(), EVERY_MS);
  }

  /** Keeps at once what has changed; the window may be closed in a moment. */
  async flush() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const epoch = this.#epoch();
    if (this.#me === null || epoch === null || this.#changed.size === 0) return;
    const pages = new Map();
    for (const id of this.#changed) {
      const page = pageOf(this.#store.room(id), epoch);
      if (page) pages.set(id, page);
    }
    this.#changed.clear();
    await this.#kept.write({ me: this.#me, epoch, rooms: listed(this.#store), blocked: [...this.#store.blocked] }, pages);
  }
}

/** The rooms of the reader as the server describes them: favourites first, then those with the newest events. */
export function listed(store) {
  return store
    .joined()
    .sort((a, b) => Number(b.prefers.favourite) - Number(a.prefers.favourite) || b.head - a.head)
    .slice(0, MOST_ROOMS)
    .map((room) => Object.fromEntries(KEPT_FIELDS.map((name) => [name, room[name]])));
}

/** The newest messages of a room, as they are after the event `seq`; null if there are none to keep. */
export function pageOf(room, epoch, at = Date.now()) {
  if (!room?.joined || !room.loaded || room.moreAfter || room.lastSeq === null) return null;
  let messages = room.messages.slice(-MOST_MESSAGES);
  let size = JSON.stringify(messages).length;
  while (size > MOST_CHARACTERS && messages.length) {
    size -= JSON.stringify(messages[0]).length;
    messages = messages.slice(1);
  }
  const complete = !room.moreBefore && messages.length === room.messages.length;
  return { epoch, seq: room.lastSeq, complete, messages: structuredClone(messages), at };
}
