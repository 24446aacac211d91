/** What a browser gives a page, for tests in node: IndexedDB, sessionStorage, locks and channels between tabs. */

/** As much of IndexedDB as lib/database.js uses. Opened by several tabs, all see the same. */
export class FakeIndexedDB {
  data = new Map(); // records by key, by store
  version = 0;
  refuses = null; // an error for each write, as of a full disk
  isBlocked = false; // as where the user has blocked storage
  hangs = false; // as a browser that has lost its way
  #queue = Promise.resolve(); // transactions, one after the other

  open(_name, version) {
    const request = {};
    if (this.isBlocked) setImmediate(() => request.onerror(Object.assign(request, { error: new Error("SecurityError") })));
    else if (!this.hangs) setImmediate(() => this.#opened(request, version));
    return request;
  }

  #opened(request, version) {
    const before = this.version;
    this.version = version;
    request.result = {
      createObjectStore: (name) => this.data.set(name, new Map()),
      transaction: (names) => this.#transaction(names),
      close() {},
    };
    if (before < version) request.onupgradeneeded({ oldVersion: before });
    request.onsuccess();
  }

  #transaction(names) {
    const transaction = { error: null };
    const steps = [];
    const undo = names.map((name) => [name, new Map(this.data.get(name))]);
    let over = false;
    const abort = (error) => {
      over = true;
      for (const [name, records] of undo) this.data.set(name, records);
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
      getAll: () => ask(() => [...this.data.get(name).values()].map(copy)),
      get: (key) => ask(() => copy(this.data.get(name).get(key))),
      put: (record) => {
        const stored = copy(record); // throws here for what can't be cloned
        return ask(() => this.data.get(name).set(record.key, stored), true);
      },
      delete: (key) => ask(() => this.data.get(name).delete(key), true),
    });
    transaction.abort = () => abort(null);
    const ended = this.#queue.then(async () => {
      if (this.hangs) return;
      for (const [at, [name]] of undo.entries()) undo[at] = [name, new Map(this.data.get(name))];
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
    const channel = {
      onmessage: null,
      postMessage(data) {
        const copy = structuredClone(data);
        for (const other of all) if (other !== channel) setImmediate(() => all.has(other) && other.onmessage?.({ data: copy }));
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
