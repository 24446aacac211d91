/**
 * What this browser knows of the server's drafts, of one user: by place `{revision, mark, tried, emptied}` as
 * `decide` of merging.js takes it. In localStorage, for all tabs and over a reload; no text is in it.
 */

const NAME = "drafts.known";
const NOTHING = Object.freeze({ revision: "", mark: "", tried: null, emptied: false });

export class Known {
  #storage;
  #user = null;
  #places = {}; // where the browser keeps nothing

  constructor(storage) {
    this.#storage = storage;
  }

  /** What is known of somebody else's goes. */
  open(user) {
    if (this.#user !== user) this.#places = {};
    this.#user = user;
    if (this.#read().user !== user) this.#write({});
  }

  of(key) {
    return { ...NOTHING, ...this.#read().places[key] };
  }

  keys() {
    return Object.keys(this.#read().places);
  }

  /** Changes some fields of what is known of a place. */
  change(key, fields) {
    const { places } = this.#read();
    this.#write({ ...places, [key]: { ...places[key], ...fields } });
  }

  /** The server has this revision of it, whose text has this mark; its author may have emptied it here meanwhile. */
  learn(key, revision, mark, emptied = false) {
    const { [key]: _, ...others } = this.#read().places;
    this.#write(revision ? { ...others, [key]: { revision, mark, emptied } } : others);
  }

  clear() {
    this.#places = {};
    this.#user = null;
    try {
      this.#storage?.removeItem(NAME);
    } catch {
      // Nothing is there.
    }
  }

  #read() {
    try {
      const found = JSON.parse(this.#storage?.getItem(NAME) ?? "null");
      if (found) return found;
    } catch {
      // It is blocked, or not ours.
    }
    return { user: this.#user, places: this.#places };
  }

  #write(places) {
    this.#places = places;
    try {
      this.#storage?.setItem(NAME, JSON.stringify({ user: this.#user, places }));
    } catch {
      // It is full or closed: memory has it.
    }
  }
}
