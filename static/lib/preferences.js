/**
 * What the reader prefers of rooms: favourites, sections of the side bar, silence, notices of every message, a mark to
 * read later. A change shows at once, and is put back if the server refuses it. What they prefer of the page is in
 * `account`. No DOM.
 */

import { AccountPreferences } from "./account-preferences.js";

/** Of a room of which nothing is preferred. */
export const NONE = Object.freeze({ favourite: false, section: "", muted: false, unread: false, watched: false });
export const SECTION_CHARS = 50; // of a section's name

export class Preferences {
  account;
  #connection;
  #store;
  #told = new Map(); // by room, what the server said last
  #changes = new Map(); // by room, changes that the server has not answered, in order
  #heard = new Set(); // rooms that the server told of while all are loading
  #opened = new Set(); // rooms whose mark is to go, once it is known whether they have one, and can be told
  #isKnown = false; // whether the server has told all

  constructor({ connection, store, account = new AccountPreferences({ connection }) }) {
    this.account = account;
    this.#connection = connection;
    this.#store = store;
  }

  /** Somebody else is signed in, or nobody. */
  reset() {
    this.#told.clear();
    this.#changes.clear();
    this.#opened.clear();
    this.#isKnown = false;
  }

  /** Asks for the preferences of all rooms. What the server tells meanwhile is newer than its answers. */
  async load() {
    const heard = new Set();
    this.#heard = heard;
    const takeAccount = this.account.loading();
    const told = new Map();
    let after = "";
    do {
      const page = await this.#connection.request("preferences", { after });
      if (!after) takeAccount(page.account ?? {});
      for (const [room, preferences] of Object.entries(page.rooms ?? {})) told.set(room, { ...NONE, ...preferences });
      after = page.after;
    } while (after);
    if (this.#heard !== heard) return; // asked again meanwhile
    for (const room of heard) told.set(room, this.#told.get(room));
    this.#told = told;
    this.#isKnown = true;
    const rooms = [...told.keys(), ...this.#changes.keys()];
    this.#store.applyPreferences(new Map(rooms.map((room) => [room, this.#shown(room)])));
    for (const room of this.#opened) this.#unmark(room);
  }

  /**
   * Changes the fields `favourite`, `section`, `muted`, `unread` and `watched` that are given; an empty `section` is none. Rejects
   * with the refusal, after the change was put back.
   */
  async change(room, fields) {
    if (!this.#told.has(room)) this.#told.set(room, this.#store.prefers(room)); // as it was kept
    if (fields.unread) this.#opened.delete(room);
    const changes = this.#changes.get(room) ?? [];
    changes.push(fields);
    this.#changes.set(room, changes);
    this.#show(room);
    try {
      this.#hear(room, await this.#connection.request("prefer", { room, ...fields }));
    } finally {
      changes.splice(changes.indexOf(fields), 1);
      if (changes.length === 0 && this.#changes.get(room) === changes) this.#changes.delete(room);
      this.#show(room);
    }
  }

  /** Changed on another connection of the reader. */
  applyEvent({ room, preferences }) {
    this.#hear(room, preferences);
    this.#show(room);
  }

  /** The reader has opened a room: its mark goes; without a network, as soon as there is one. */
  opened(room) {
    this.#opened.add(room);
    this.#unmark(room);
  }

  #unmark(room) {
    if (this.#store.prefers(room).unread) this.change(room, { unread: false }).then(() => this.#opened.delete(room), () => {});
    else if (this.#isKnown) this.#opened.delete(room);
  }

  #hear(room, preferences) {
    this.#told.set(room, { ...NONE, ...preferences });
    this.#heard.add(room);
  }

  #shown(room) {
    return Object.assign({ ...NONE }, this.#told.get(room), ...(this.#changes.get(room) ?? []));
  }

  #show(room) {
    this.#store.prefer(room, this.#shown(room));
  }
}
