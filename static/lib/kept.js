/**
 * What the reader has read, kept in this browser for a start without a network: who they are, the list of their rooms,
 * and the newest messages of rooms that were open. No DOM.
 *
 * Storage that is blocked, full or broken loses what is kept, and nothing else: no method ever rejects.
 */

const NAME = "reading";
const VERSION = 1; // another one begins anew
const STATE = "state";
const PAGES = "pages";
const WAIT_MS = 1_000; // a browser that takes longer to open its storage is not waited for
const MOST_PAGES = 30; // rooms with messages; at most 64 KB each

export class Kept {
  #factory;
  /** @type {Promise<any> | null} */
  #opening = null;

  /** `factory` returns an IDBFactory; where storage is blocked, asking for it throws. */
  constructor(factory = () => globalThis.indexedDB) {
    this.#factory = factory;
  }

  /** `{me, epoch, rooms, blocked, pages: Map of room to {epoch, seq, complete, messages, at}}`; null if nothing is kept. */
  async read() {
    const late = new Promise((resolve) => setTimeout(resolve, WAIT_MS, null));
    return Promise.race([this.#try(readAll), late]);
  }

  /** Keeps the state, and the pages of these rooms. Those of rooms that are not in the list any more go. */
  write(state, pages) {
    return this.#try((database) => writeAll(database, state, pages));
  }

  /** Nothing of the reader stays. */
  clear() {
    return this.#try((database) => {
      const transaction = database.transaction([STATE, PAGES], "readwrite");
      transaction.objectStore(STATE).clear();
      transaction.objectStore(PAGES).clear();
      return done(transaction);
    });
  }

  async #try(work) {
    try {
      this.#opening ??= open(this.#factory());
      return await work(await this.#opening);
    } catch (error) {
      this.#opening = null;
      console.info("what was read is not kept:", error);
      return null;
    }
  }
}

function open(factory) {
  const request = factory.open(NAME, VERSION);
  request.onupgradeneeded = () => {
    for (const name of request.result.objectStoreNames) request.result.deleteObjectStore(name);
    request.result.createObjectStore(STATE);
    request.result.createObjectStore(PAGES).createIndex("at", "at");
  };
  return answer(request).then((database) => {
    database.onversionchange = () => database.close();
    return database;
  });
}

async function readAll(database) {
  const transaction = database.transaction([STATE, PAGES]);
  const pages = transaction.objectStore(PAGES);
  const [state, rooms, found] = await Promise.all([
    answer(transaction.objectStore(STATE).get(STATE)),
    answer(pages.getAllKeys()),
    answer(pages.getAll()),
  ]);
  return state ? { ...state, pages: new Map(rooms.map((room, index) => [room, found[index]])) } : null;
}

async function writeAll(database, state, pages) {
  const transaction = database.transaction([STATE, PAGES], "readwrite");
  const finished = done(transaction);
  finished.catch(() => {}); // storage that is full throws below already
  const store = transaction.objectStore(PAGES);
  transaction.objectStore(STATE).put(state, STATE);
  for (const [room, page] of pages) store.put(page, room);
  const listed = new Set(state.rooms.map(({ id }) => id));
  const oldestFirst = store.index("at").getAllKeys();
  oldestFirst.onsuccess = () => {
    const rooms = oldestFirst.result.filter((room) => listed.has(room));
    const kept = new Set(rooms.slice(-MOST_PAGES));
    for (const room of oldestFirst.result) if (!kept.has(room)) store.delete(room);
  };
  await finished;
}

function answer(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error("another window holds an older version"));
  });
}

function done(transaction) {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve(null);
    transaction.onerror = transaction.onabort = () => reject(transaction.error ?? new Error("the transaction was aborted"));
  });
}
