/**
 * The page's database in the browser (IndexedDB). A change of its stores is one more function in `VERSIONS`; none that
 * stands there is ever edited. No DOM.
 */

const NAME = "chatserver";
const OPEN_MS = 3_000; // an old tab that holds an old version may keep it from opening

/** What each version of the database adds to the one before. */
const VERSIONS = [
  (database) => {
    for (const store of ["outbox", "drafts"]) database.createObjectStore(store, { keyPath: "key" });
  },
  (database) => database.createObjectStore("files", { keyPath: "key" }),
];

export class Database {
  #factory;
  #versions;
  /** @type {Promise<any> | null} */
  #opened = null;

  /** `factory` is the browser's `indexedDB`; null where there is none. */
  constructor({ factory = browserFactory(), versions = VERSIONS } = {}) {
    this.#factory = factory;
    this.#versions = versions;
  }

  /**
   * Runs `work(stores)` in one transaction; `stores` has the object stores by name. Its requests must follow one another
   * without waiting for anything else (`asked` makes promises of them). Resolves with what `work` returned once all of it
   * is stored. Rejects, with nothing changed, if the database can't be opened or written.
   */
  async run(names, mode, work) {
    try {
      return await transact(await this.#open(), names, mode, work);
    } catch (error) {
      if (error?.name !== "InvalidStateError") throw error;
      this.#opened = null; // the browser has closed it, as when its data were cleared
      return transact(await this.#open(), names, mode, work);
    }
  }

  #open() {
    this.#opened ??= this.#openAnew().catch((error) => {
      this.#opened = null;
      throw error;
    });
    return this.#opened;
  }

  #openAnew() {
    return new Promise((resolve, reject) => {
      if (!this.#factory) throw new Error("This browser has no IndexedDB.");
      const timer = setTimeout(() => reject(new Error("The database does not open.")), OPEN_MS);
      const request = this.#factory.open(NAME, this.#versions.length);
      request.onupgradeneeded = ({ oldVersion }) => {
        for (const add of this.#versions.slice(oldVersion)) add(request.result);
      };
      request.onerror = () => {
        clearTimeout(timer);
        reject(request.error);
      };
      request.onsuccess = () => {
        clearTimeout(timer);
        const database = request.result;
        database.onversionchange = () => this.#close(database); // a newer page wants to upgrade
        database.onclose = () => this.#close(database);
        resolve(database);
      };
    });
  }

  #close(database) {
    this.#opened = null;
    database.close();
  }
}

function browserFactory() {
  try {
    return globalThis.indexedDB ?? null;
  } catch {
    return null; // some browsers throw where storage is blocked
  }
}

function transact(database, names, mode, work) {
  return new Promise((resolve, reject) => {
    const transaction = database.transaction(names, mode);
    const stores = Object.fromEntries(names.map((name) => [name, transaction.objectStore(name)]));
    let fault = null;
    let done;
    transaction.oncomplete = () => resolve(done);
    transaction.onabort = () => reject(fault ?? transaction.error ?? new Error("The transaction was aborted."));
    work(stores).then(
      (value) => {
        done = value;
      },
      (error) => {
        fault = error;
        try {
          transaction.abort();
        } catch {
          reject(error); // it has ended by itself
        }
      },
    );
  });
}

/** The result of a request as a promise. */
export function asked(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
