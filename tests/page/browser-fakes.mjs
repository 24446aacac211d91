/** What a browser gives a page, for tests in node: IndexedDB, sessionStorage, locks and channels between tabs. */

/** As much of IndexedDB as lib/database.js uses. Opened by several tabs, all see the same. */
export class FakeIndexedDB {
  data = new Map(); // records by key, by store
  version = 0;
  refuses = null; // an error for each write, as of a full disk
  isBlocked = false; // as where the user has blocked storage
  hangs = false; // as a browser that has lost its way
  #generation = 0;
  #queue = Promise.resolve(); // transactions, one after the other

  open(_name, version) {
    const request = {};
    if (this.isBlocked) setImmediate(() => request.onerror(Object.assign(request, { error: new Error("SecurityError") })));
    else if (!this.hangs) setImmediate(() => this.#opened(request, version));
    return request;
  }

  /** As when the user clears the browser's data. */
  closeAll() {
    this.#generation += 1;
  }

  #opened(request, version) {
    const before = this.version;
    const generation = this.#generation;
    this.version = version;
    request.result = {
      createObjectStore: (name) => this.data.set(name, new Map()),
      transaction: (names) => {
        if (generation !== this.#generation) throw Object.assign(new Error("closed"), { name: "InvalidStateError" });
        return this.#transaction(names);
      },
      close() {},
    };
    if (before < version) request.onupgradeneeded({ oldVersion: before });
    request.onsuccess();
  }

  #transaction(names) {
    const transaction = { error: null };
    const steps = [];
    const own = new Map(); // what the transaction sees, and others when it is over
    let over = false;
    const abort = (error) => {
      over = true;
      transaction.error = error;
      setImmediate(() => transaction.onabort());
    };
    const ask = (step, writes = false) => {
      if (over) throw new Error("TransactionInactiveError");
      const request = {};
      steps.push({ step, request, writes });
      return request;
    };
    const copy = (value) => (value === undefined ? undefined : structuredClone(value));
    transaction.objectStore = (name) => ({
      getAll: () => ask(() => [...own.get(name).values()].map(copy)),
      get: (key) => ask(() => copy(own.get(name).get(key))),
      put: (record) => {
        const stored = copy(record); // throws here for what can't be cloned
        return ask(() => own.get(name).set(record.key, stored), true);
      },
      delete: (key) => ask(() => own.get(name).delete(key), true),
    });
    transaction.abort = () => abort(null);
    const ended = this.#queue.then(async () => {
      if (this.hangs) return;
      for (const name of names) own.set(name, new Map(this.data.get(name)));
      for (;;) {
        await new Promise((resolve) => setImmediate(resolve));
        if (over) return;
        if (steps.length === 0) break;
        const { step, request, writes } = steps.shift();
        if (writes && this.refuses) {
          request.error = this.refuses;
          request.onerror?.();
          abort(this.refuses);
          return;
        }
        request.result = step();
        request.onsuccess?.();
      }
      over = true;
      for (const [name, records] of own) this.data.set(name, records);
      transaction.oncomplete();
    });
    this.#queue = ended;
    return transaction;
  }
}

export function fakeTabStorage({ isFull = false } = {}) {
  const kept = new Map();
  return {
    get length() {
      return kept.size;
    },
    key: (at) => [...kept.keys()][at],
    getItem: (key) => kept.get(key) ?? null,
    setItem(key, value) {
      if (isFull) throw new Error("QuotaExceededError");
      kept.set(key, value);
    },
    removeItem: (key) => kept.delete(key),
  };
}

/** `navigator.locks` and channels that several tabs share. */
export class FakeBrowser {
  #queues = new Map();
  #channels = new Map();

  locks = {
    request: (name, { signal, steal = false }, hold) =>
      new Promise((resolve, reject) => {
        const queue = this.#queues.get(name) ?? [];
        this.#queues.set(name, queue);
        const entry = { hold, resolve, reject, isHeld: false };
        if (steal) {
          const [holder] = queue.splice(0, queue[0]?.isHeld ? 1 : 0);
          holder?.reject(Object.assign(new Error("stolen"), { name: "AbortError" }));
          queue.unshift(entry);
        } else queue.push(entry);
        signal?.addEventListener("abort", () => {
          if (entry.isHeld) return;
          queue.splice(queue.indexOf(entry), 1);
          reject(Object.assign(new Error("aborted"), { name: "AbortError" }));
        });
        void this.#grant(queue);
      }),
  };

  channel = (name) => {
    const all = this.#channels.get(name) ?? new Set();
    this.#channels.set(name, all);
    const missed = [];
    const channel = {
      onmessage: null,
      isFrozen: false, // as in a tab that the browser has put to sleep
      hears(data) {
        if (channel.isFrozen) missed.push(data);
        else if (all.has(channel)) channel.onmessage?.({ data });
      },
      thaw() {
        channel.isFrozen = false;
        for (const data of missed.splice(0)) channel.hears(data);
      },
      postMessage(data) {
        const copy = structuredClone(data);
        for (const other of all) if (other !== channel) setImmediate(() => other.hears(copy));
      },
      close: () => all.delete(channel),
    };
    all.add(channel);
    return channel;
  };

  async #grant(queue) {
    const [first] = queue;
    if (!first || first.isHeld) return;
    first.isHeld = true;
    await null;
    const result = await first.hold();
    if (queue[0] === first) queue.shift();
    first.resolve(result);
    void this.#grant(queue);
  }
}

/** Lets everything that is due happen, in all tabs. */
export async function settled(rounds = 60) {
  for (let round = 0; round < rounds; round += 1) await new Promise((resolve) => setImmediate(resolve));
}
