/**
 * What is being written in each room: text, the message that it answers, and the change of a message, which has a text of
 * its own. Kept in the browser until it is sent, for all tabs of its author. No DOM.
 *
 * Fires "change" ({room}) when a draft came from outside: from the browser's store, or from another tab.
 */

import { Records } from "./records.js";
import { ALONE } from "./tabs.js";

export const MOST = 200; // rooms; of more, the draft that was touched the longest ago goes
export const MOST_CHARS = 100_000; // of a text; a longer one is kept in the tab alone
const EMPTY = Object.freeze({ text: "", reply: null, editing: null, attached: [] });

export class Drafts extends EventTarget {
  #records;
  #tabs;
  #user = null;
  #drafts = new Map(); // by room, the one touched last at the end
  #dirty = new Set();
  #underWay = null; // the room whose draft is being stored
  /** @type {Promise<void> | null} */
  #writing = null;

  constructor({ records = new Records(), tabs = ALONE }) {
    super();
    this.#records = records;
    this.#tabs = tabs;
    tabs.addEventListener("message", ({ detail }) => detail.draft && this.#onTold(detail));
  }

  /** Takes up what this user was writing; what has been written here meanwhile stays. */
  async open(user) {
    this.close();
    this.#user = user;
    const { records } = await this.#records.all("drafts", user);
    if (this.#user !== user) return;
    const written = this.#drafts;
    this.#drafts = new Map();
    for (const record of records) {
      const { room, text, reply, editing, attached } = record;
      this.#drafts.set(room, { text, reply, editing, attached });
      if (record.isLater) void this.#keep(room);
    }
    for (const [room, draft] of written) this.#touch(room, draft);
    for (const room of this.#drafts.keys()) if (!written.has(room)) this.#changed(room);
  }

  /** The session has ended; the drafts stay in the browser until their author is back. */
  close() {
    this.#drafts = new Map();
    this.#dirty.clear();
    this.#user = null;
  }

  /**
   * `{text, reply, editing, attached}`: `reply` is `{id or client_id, name, body}`, `editing` is `{id, before, text}`,
   * `attached` as `Attached.ready` has it.
   */
  of(room) {
    return this.#drafts.get(room) ?? EMPTY;
  }

  /**
   * The draft has become a message: it is empty. Returns the record `[store, key]`, which has to be removed in the
   * transaction that stores the message, so that one of them is always there.
   */
  sent(room) {
    const draft = { ...this.of(room), text: "", reply: null, attached: [] };
    this.#touch(room, draft);
    this.#tabs.tell({ draft: room, content: shared(draft) });
    this.#dirty.delete(room);
    return ["drafts", `${this.#user} ${room}`];
  }

  /** Changes some fields of a draft. Resolves when it is stored. */
  change(room, fields) {
    const draft = { ...this.of(room), ...fields };
    if (isEmpty(draft) && isEmpty(this.of(room))) return Promise.resolve();
    this.#touch(room, draft);
    this.#tabs.tell({ draft: room, content: shared(draft) });
    return this.#keep(room);
  }

  /** A message of the room is stored, and the record of its draft removed: what was written since is stored again. */
  keepAgain(room) {
    if (!isEmpty(this.of(room))) void this.#keep(room);
  }

  #keep(room) {
    this.#dirty.add(room);
    this.#writing ??= this.#write().finally(() => {
      this.#writing = null;
    });
    return this.#writing;
  }

  #touch(room, draft) {
    this.#drafts.delete(room);
    if (!isEmpty(draft)) this.#drafts.set(room, draft);
  }

  async #write() {
    while (this.#dirty.size && this.#user !== null) {
      const rooms = [...this.#dirty];
      this.#dirty.clear();
      for (const room of rooms) {
        this.#underWay = room;
        await this.#store(room, this.#user);
        this.#underWay = null;
      }
      await this.#forgetOldest();
    }
  }

  /** The page is going away, perhaps before the last change is stored: a reload finds it in the tab. */
  leaving() {
    if (this.#user === null) return;
    for (const room of new Set([...this.#dirty, ...(this.#underWay ? [this.#underWay] : [])])) {
      const draft = this.of(room);
      if (!isEmpty(draft)) this.#records.jot("drafts", { ...draft, key: `${this.#user} ${room}`, user: this.#user, room, order: 0 });
    }
  }

  #store(room, user) {
    const draft = this.of(room);
    const key = `${user} ${room}`;
    const isKept = !isEmpty(draft) && draft.text.length <= MOST_CHARS && (draft.editing?.text.length ?? 0) <= MOST_CHARS;
    return isKept ? this.#records.append("drafts", { ...draft, key, user, room }) : this.#records.change({ remove: [["drafts", key]] });
  }

  async #forgetOldest() {
    const user = this.#user;
    const old = [...this.#drafts.keys()].slice(0, -MOST);
    for (const room of old) this.#drafts.delete(room);
    if (old.length) await this.#records.change({ remove: old.map((room) => ["drafts", `${user} ${room}`]) });
  }

  #onTold({ draft: room, content }) {
    if (this.#user === null) return;
    this.#touch(room, content);
    this.#changed(room);
  }

  #changed(room) {
    this.dispatchEvent(new CustomEvent("change", { detail: { room } }));
  }
}

function isEmpty({ text, reply, editing, attached }) {
  return !text && !reply && !editing && attached.length === 0;
}

/** What can be cloned for another tab. */
function shared({ text, reply, editing, attached }) {
  return { text, reply, editing, attached };
}
