/**
 * What the page keeps of a user in this browser: unsent messages, drafts and the files of drafts, as records
 * `{key, user, order, …}` of the stores "outbox", "drafts" and "files". They are in the database; those that it does not
 * take are in the tab's sessionStorage, and where that is closed, too, in memory. What a page that goes away has no time
 * to store is in localStorage until the next one stores it. No DOM.
 */

import { asked, Database } from "./database.js";

const PATIENCE_MS = 3_000; // for one transaction; a message is not held back for longer

export class Records {
  #database;
  #tab;
  #browser;
  #memory = new Map();

  /** `tab` is the tab's sessionStorage, `browser` localStorage, which all tabs have; or null. */
  constructor({ database = new Database(), tab = null, browser = null } = {}) {
    this.#database = database;
    this.#tab = tab;
    this.#browser = browser;
  }

  /**
   * All records of a user, by their order: `{records, isWhole}`; not whole if the database can't be read. `isLater` marks
   * those of which the tab has a later state than the database.
   */
  async all(store, user) {
    await this.#takeUp(store, user);
    const here = this.#inTab(store, user);
    try {
      const stored = await this.#run([store], "readonly", (stores) => asked(stores[store].getAll()));
      const mine = stored.filter((record) => record.user === user).map((record) => ({ ...record, kept: "browser" }));
      const known = new Map(here.map((record) => [record.key, record])); // later than what is stored
      const records = mine.map((record) => ({ ...record, ...known.get(record.key), order: record.order, kept: "browser", isLater: known.has(record.key) }));
      const keys = new Set(mine.map(({ key }) => key));
      records.push(...here.filter(({ key }) => !keys.has(key)));
      return { records: records.sort((a, b) => a.order - b.order), isWhole: true };
    } catch {
      return { records: here, isWhole: false };
    }
  }

  /** Keeps a record in the tab until `append` has stored it: the page may be loaded anew before the database answers. */
  hold(store, record) {
    this.#putIntoTab(store, record);
  }

  /**
   * Stores a new record behind all others of its user, or replaces the one with its key, and in the same transaction
   * removes the record `[store, key]` that it comes of. Resolves with `{order, kept}`: "browser", or "tab" if it lives no
   * longer than the tab does. `order` is where it may stand first.
   * @param {string} store
   * @param {any} record
   * @param {[string, string] | null} origin
   */
  async append(store, record, origin = null) {
    if (origin) this.#dropFromTab(...origin);
    const dropEarlier = this.#earlier(store, record.key);
    try {
      const names = [...new Set([store, origin?.[0] ?? store])];
      const order = await this.#run(names, "readwrite", async (stores) => {
        if (origin) stores[origin[0]].delete(origin[1]);
        const others = (await asked(stores[store].getAll())).filter(({ user, key }) => user === record.user && key !== record.key);
        const last = others.reduce((most, other) => Math.max(most, other.order), 0);
        const place = Math.max(record.order ?? 0, last + 1);
        await asked(stores[store].put({ ...record, order: place }));
        return place;
      });
      dropEarlier();
      return { order, kept: "browser" };
    } catch {
      this.#putIntoTab(store, record);
      if (origin) void this.change({ remove: [origin] });
      return { order: record.order ?? 0, kept: "tab" };
    }
  }

  /**
   * In one transaction: `remove` lists keys `[store, key]`, `update` changes `[store, key, fields]` to records that are
   * there; a field that is undefined goes. Resolves with whether the database did it.
   * @param {{remove?: any[][], update?: any[][]}} changes
   */
  async change({ remove = [], update = [] }) {
    for (const [store, key] of remove) this.#dropFromTab(store, key);
    for (const [store, key, fields] of update) this.#changeInTab(store, key, fields);
    const names = [...new Set([...remove, ...update].map(([store]) => store))];
    if (names.length === 0) return true;
    try {
      await this.#run(names, "readwrite", async (stores) => {
        for (const [store, key] of remove) stores[store].delete(key);
        for (const [store, key, fields] of update) {
          const before = await asked(stores[store].get(key));
          if (before) await asked(stores[store].put({ ...before, ...fields }));
        }
      });
      return true;
    } catch {
      return false;
    }
  }

  /**
   * Writes down at once what `append(store, record, origin)` has no time to store, as the page is going away. `append` and
   * `change` of its key end that.
   */
  jot(store, record, origin = null) {
    try {
      this.#browser.setItem(`${store}/${record.key}`, JSON.stringify({ record, origin }));
    } catch {
      this.#putIntoTab(store, record); // it is full or closed, or there is none
    }
  }

  /** Stores what pages that are gone have jotted down. */
  async #takeUp(store, user) {
    const jotted = namesIn(this.#browser, store)
      .map((name) => parsed(this.#browser, name))
      .filter((jot) => jot?.record?.user === user)
      .sort((a, b) => a.record.order - b.record.order);
    await Promise.all(jotted.map(({ record, origin }) => this.append(store, record, origin)));
  }

  /** All records of a user go. */
  async clear(user) {
    for (const store of ["outbox", "drafts", "files"]) {
      const { records } = await this.all(store, user);
      await this.change({ remove: records.map(({ key }) => [store, key]) });
    }
  }

  #run(names, mode, work) {
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error("The database does not answer.")), PATIENCE_MS);
    });
    return Promise.race([this.#database.run(names, mode, work), late]).finally(() => clearTimeout(timer));
  }

  #inTab(store, user) {
    const found = new Map(this.#memory);
    for (const name of namesIn(this.#tab, store)) if (!found.has(name)) found.set(name, parsed(this.#tab, name));
    return [...found]
      .filter(([name, record]) => name.startsWith(`${store}/`) && record?.user === user)
      .map(([, record]) => ({ ...record, kept: "tab" }))
      .sort((a, b) => a.order - b.order);
  }

  #putIntoTab(store, record) {
    const name = `${store}/${record.key}`;
    this.#memory.set(name, record);
    try {
      this.#tab?.setItem(name, JSON.stringify(record));
    } catch {
      // It is full or closed: memory has it.
    }
  }

  #changeInTab(store, key, fields) {
    const name = `${store}/${key}`;
    const before = this.#memory.get(name) ?? parsed(this.#tab, name);
    if (before) this.#putIntoTab(store, { ...before, ...fields });
  }

  /** Returns what drops the copies that are there now: those written while a record is stored are later than it. */
  #earlier(store, key) {
    const name = `${store}/${key}`;
    const before = [this.#tab, this.#browser].map((storage) => JSON.stringify(parsed(storage, name)));
    const held = this.#memory.get(name);
    return () => {
      if (this.#memory.get(name) === held) this.#memory.delete(name);
      for (const [at, storage] of [this.#tab, this.#browser].entries())
        if (JSON.stringify(parsed(storage, name)) === before[at]) remove(storage, name);
    };
  }

  #dropFromTab(store, key) {
    const name = `${store}/${key}`;
    this.#memory.delete(name);
    for (const storage of [this.#tab, this.#browser]) remove(storage, name);
  }
}

function remove(storage, name) {
  try {
    storage?.removeItem(name);
  } catch {
    // Nothing is there.
  }
}

/** The names of a store's records in a Storage; none if it can't be read. */
function namesIn(storage, store) {
  try {
    return Array.from({ length: storage?.length ?? 0 }, (_, at) => storage.key(at)).filter((name) => name.startsWith(`${store}/`));
  } catch {
    return [];
  }
}

/** What a Storage has by this name; null if it can't be read. */
function parsed(storage, name) {
  try {
    return JSON.parse(storage?.getItem(name) ?? "null");
  } catch {
    return null;
  }
}
