/**
 * What is being written in each room: text, the message that it answers, what is attached, and the change of a message,
 * which has a text of its own. Kept in the browser until it is sent, for all tabs of its author; files that are not
 * uploaded are for the tab that has them, and for the next one (lib/draft-files.js). No DOM.
 *
 * Fires "change" ({room}) when a draft came from outside: from the browser's store, another tab, or another device (put by
 * a plugin); "written" ({room}) when its author has changed it in this tab, or sent it; "left" ({room}) when they leave the
 * composer; and "refused" ({room}) when a file of it can't be kept.
 */

import { DraftFiles } from "./draft-files.js";
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
  #sent = new Set(); // rooms with a message that is being stored, whose transaction removes the draft
  #inTab = new Set(); // rooms whose draft the database does not take
  #files;
  /** @type {Promise<void> | null} */
  #writing = null;
  #opening = Promise.resolve();
  #ended = new Set(); // rooms whose draft was sent or removed

  constructor({ records = new Records(), tabs = ALONE }) {
    super();
    this.#records = records;
    this.#tabs = tabs;
    this.#files = new DraftFiles(records);
    tabs.addEventListener("message", ({ detail }) => detail.draft && this.#onTold(detail));
  }

  /** Takes up what this user was writing; what has been written here meanwhile stays. */
  open(user) {
    this.#opening = this.#open(user);
    return this.#opening;
  }

  async #open(user) {
    this.close();
    this.#user = user;
    const [{ records, isWhole }, files] = await Promise.all([this.#records.all("drafts", user), this.#files.open(user)]);
    if (this.#user !== user) return;
    const written = this.#drafts;
    this.#drafts = new Map();
    for (const record of records) {
      const { room, text, reply, editing } = record;
      const attached = record.attached.map(({ file, ...rest }) => (file ? { ...rest, file: files.get(file) } : rest));
      this.#drafts.set(room, { text, reply, editing, attached: attached.filter(({ value, file }) => value !== null || file) });
      if (record.isLater) void this.#keep(room);
    }
    if (isWhole) void this.#files.keepOnly(user, new Set(records.flatMap(({ attached }) => attached.map(({ file }) => file))));
    for (const [room, draft] of written) this.#touch(room, draft);
    for (const room of this.#drafts.keys()) if (!written.has(room)) this.#fire("change", room);
  }

  /** The session has ended; the drafts stay in the browser until their author is back. */
  close() {
    this.#drafts = new Map();
    this.#dirty.clear();
    this.#inTab.clear();
    this.#sent.clear();
    this.#ended.clear();
    this.#files.close();
    this.#user = null;
  }

  /**
   * `{text, reply, editing, attached}`: `reply` is `{id or client_id, author, name, body}`, `editing` is `{id, before, text}`,
   * `attached` as `Attached.kept` has it.
   */
  of(room) {
    return this.#drafts.get(room) ?? EMPTY;
  }

  has(room) {
    return this.#drafts.has(room);
  }

  /** The rooms with a draft, and those whose draft was sent or removed since the page was loaded, once the browser's are read. */
  async rooms() {
    await this.#opening;
    return [...this.#drafts.keys(), ...this.#ended];
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
    this.#sent.add(room);
    this.#fire("written", room);
    return ["drafts", `${this.#user} ${room}`];
  }

  /** Changes some fields of a draft. Resolves when it is stored. */
  change(room, fields) {
    const draft = { ...this.of(room), ...fields };
    if (isEmpty(draft) && isEmpty(this.of(room))) return Promise.resolve();
    const kept = this.#change(room, draft);
    this.#fire("written", room);
    return kept;
  }

  /** What its author wrote on another device takes the place of some fields. Resolves when it is stored. */
  put(room, fields) {
    const kept = this.#change(room, { ...this.of(room), ...fields });
    this.#fire("change", room);
    return kept;
  }

  /** Its author does not look at the composer any more. */
  left(room) {
    this.#fire("left", room);
  }

  #change(room, draft) {
    this.#touch(room, draft);
    this.#tabs.tell({ draft: room, content: shared(draft) });
    return this.#keep(room);
  }

  /** A message of the room is stored, and the record of its draft removed: what was written since is stored again. */
  keepAgain(room) {
    this.#sent.delete(room);
    if (!isEmpty(this.of(room))) void this.#keep(room);
    else void this.#files.keep(this.#user, room, []);
  }

  /** Whether a file of the draft ends with the tab. */
  losesFiles(room) {
    return filesOf(this.of(room)).some((file) => this.#files.isRefused(file));
  }

  #keep(room) {
    this.#dirty.add(room);
    this.#writing ??= this.#write().finally(() => {
      this.#writing = null;
    });
    return this.#writing;
  }

  #touch(room, draft) {
    this.#ended.delete(room);
    if (this.#drafts.delete(room) && isEmpty(draft)) this.#ended.add(room);
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

  /** The page is going away, perhaps for good and before the last change is stored: it is written down at once. */
  leaving() {
    if (this.#user === null) return;
    for (const room of new Set([...this.#dirty, ...this.#inTab, ...(this.#underWay ? [this.#underWay] : [])]))
      if (isKept(this.of(room))) this.#records.jot("drafts", { ...this.#recordOf(room, this.#user), order: 0 });
  }

  /** The files first, so that no record names one that is not there. */
  async #store(room, user) {
    const files = filesOf(this.of(room));
    const known = files.filter((file) => this.#files.isRefused(file)).length;
    await this.#files.keep(user, room, files);
    if (files.filter((file) => this.#files.isRefused(file)).length > known) this.#fire("refused", room);
    this.#inTab.delete(room);
    if (!isKept(this.of(room))) {
      if (this.#sent.has(room)) return;
      await this.#records.change({ remove: [["drafts", `${user} ${room}`]] });
      return;
    }
    const { kept } = await this.#records.append("drafts", this.#recordOf(room, user));
    if (kept === "tab" && this.#user === user) this.#inTab.add(room);
  }

  #recordOf(room, user) {
    const draft = this.of(room);
    const attached = draft.attached.map(({ file, ...rest }) => (file ? { ...rest, file: this.#files.idOf(file) } : rest));
    return { ...draft, attached: attached.filter(({ value, file }) => value !== null || file), key: `${user} ${room}`, user, room };
  }

  async #forgetOldest() {
    const user = this.#user;
    const old = [...this.#drafts.keys()].slice(0, -MOST);
    for (const room of old) this.#drafts.delete(room);
    if (old.length) await this.#records.change({ remove: old.map((room) => ["drafts", `${user} ${room}`]) });
    for (const room of old) await this.#files.keep(user, room, []);
  }

  #onTold({ draft: room, content }) {
    if (this.#user === null) return;
    this.#touch(room, content);
    this.#fire("change", room);
  }

  #fire(type, room) {
    this.dispatchEvent(new CustomEvent(type, { detail: { room } }));
  }
}

function isEmpty({ text, reply, editing, attached }) {
  return !text && !reply && !editing && attached.length === 0;
}

/** Whether the browser keeps a draft: there is one, and it is not too long. */
function isKept(draft) {
  return !isEmpty(draft) && draft.text.length <= MOST_CHARS && (draft.editing?.text.length ?? 0) <= MOST_CHARS;
}

function filesOf({ attached }) {
  return attached.map(({ file }) => file).filter((file) => file instanceof Blob);
}

/** What another tab shows. */
function shared({ text, reply, editing, attached }) {
  return { text, reply, editing, attached: attached.filter(({ value }) => value !== null) };
}
