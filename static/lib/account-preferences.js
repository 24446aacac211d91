/**
 * What the reader prefers of the page, a text for each key, on all their devices: looks, language, closed cards, groups
 * that are collapsed. The browser keeps a copy for the first paint. A change shows at once, waits in the copy for a
 * connection, and lies over what the server says until it has answered. No DOM.
 *
 * Fires "change" ({}), "known" ({}: the server has told them) and "refused" ({error}: of a change, which is taken back).
 */

export const COPY = "preferences"; // in localStorage, which all tabs have
const OURS = "page."; // keys of other clients are not copied
const SEND_MS = 500; // what is changed meanwhile goes with it
const AGAIN_MS = 5_000;
const PATIENCE_MS = 3_000; // for what is sent before signing out

/** @typedef {{user: string | null, told: Record<string, string>, unsent: Record<string, string | null>}} Copy */

export class AccountPreferences extends EventTarget {
  /** Whether the server has told them, now or before. */
  isKnown = false;
  #connection;
  #storage;
  /** @type {Copy} */
  #copy;
  #heard = new Set(); // keys that the server told of while all are loading
  /** @type {Map<string, string>} */
  #offers = new Map();
  #canSend = false; // the connection is the reader's
  /** @type {Promise<void> | null} */
  #sending = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer = undefined;

  /**
   * `storage` is localStorage, or null. Until `start`, it is the copy of who was here last.
   * @param {{connection?: any, storage?: any}} options
   */
  constructor({ connection = null, storage = null } = {}) {
    super();
    this.#connection = connection;
    this.#storage = storage;
    this.#copy = copyIn(storage) ?? empty(null);
    connection?.addEventListener("status", ({ detail }) => {
      if (detail.status !== "open") this.#canSend = false;
    });
  }

  /** The text of a key (without `page.`); undefined if there is none. */
  get(key) {
    const { told, unsent } = this.#copy;
    return (Object.hasOwn(unsent, OURS + key) ? unsent[OURS + key] : told[OURS + key]) ?? undefined;
  }

  /** The texts of all keys that begin with `prefix`, by what follows it; the one that was changed last is the last. */
  under(prefix) {
    const { told, unsent } = this.#copy;
    const start = OURS + prefix;
    const kept = Object.entries(told).filter(([key]) => !Object.hasOwn(unsent, key));
    const all = [...kept, ...Object.entries(unsent)].filter(([key, text]) => key.startsWith(start) && text !== null);
    return new Map(all.map(([key, text]) => [key.slice(start.length), text]));
  }

  /** Changes texts by key; null removes one. */
  set(values) {
    const { user, told, unsent } = this.#now();
    const given = Object.entries(values).map(([key, text]) => [OURS + key, text]);
    const others = Object.entries(unsent).filter(([key]) => !given.some(([changed]) => changed === key));
    this.#put({ user, told, unsent: Object.fromEntries([...others, ...given]) });
    this.#later(SEND_MS);
  }

  /** Sets a text that somebody chose before they signed in, unless their account has one. */
  offer(key, text) {
    this.#offers.set(key, text);
  }

  /** This user (id) is signed in. What somebody else left is gone. */
  start(user) {
    const kept = [copyIn(this.#storage), this.#copy].find((copy) => copy?.user === user);
    this.#heard = new Set();
    this.#put(kept ?? empty(user));
    this.isKnown = Object.keys(this.#copy.told).length > 0;
  }

  /** Nobody is signed in any more. Nothing stays but, unless they have signed out, what the server was not told. */
  end({ isAsked = false } = {}) {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#canSend = this.isKnown = false;
    this.#offers.clear();
    this.#heard = new Set();
    const { user, unsent } = this.#now();
    this.#put(isAsked || Object.keys(unsent).length === 0 ? empty(null) : { user, told: {}, unsent });
  }

  /** They are being asked for. Returns what takes the answer: all texts by key. */
  loading() {
    const heard = new Set();
    this.#heard = heard;
    return (/** @type {Record<string, string>} */ values) => {
      if (this.#heard !== heard) return; // asked again meanwhile
      const { user, told, unsent } = this.#now();
      const newer = Object.entries(told).filter(([key]) => heard.has(key));
      const rest = Object.entries(ours(values)).filter(([key]) => !heard.has(key));
      this.isKnown = this.#canSend = true;
      this.#put({ user, told: Object.fromEntries([...rest, ...newer]), unsent });
      this.#fire("known");
      for (const [key, text] of this.#offers) if (this.get(key) === undefined) this.set({ [key]: text });
      this.#offers.clear();
      void this.flush();
    };
  }

  /** Changed on another device or in another tab. */
  applyEvent({ values }) {
    const { user, told, unsent } = this.#now();
    for (const key of Object.keys(values)) this.#heard.add(key);
    this.#put({ user, told: changed(told, ours(values)), unsent });
  }

  /** Another tab has changed the copy. */
  reread() {
    if (copyIn(this.#storage)?.user === this.#copy.user) this.#put(this.#now());
  }

  /** Sends what waits; resolves when there is nothing more to do for now. */
  flush() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!this.#sending && this.#isWaiting()) this.#sending = this.#send();
    return this.#sending ?? Promise.resolve();
  }

  /** As `flush`, but not for long. */
  flushSoon() {
    return Promise.race([this.flush(), new Promise((resolve) => setTimeout(resolve, PATIENCE_MS))]);
  }

  #isWaiting() {
    return this.#canSend && Object.keys(this.#now().unsent).length > 0;
  }

  async #send() {
    let goesOn = true;
    while (goesOn && this.#isWaiting()) {
      const { user, unsent } = this.#now();
      try {
        await this.#connection.request("prefer_account", { values: unsent });
        this.#settle(user, unsent, true);
      } catch (error) {
        goesOn = this.#failed(error, user, unsent);
      }
    }
    this.#sending = null;
  }

  /** Returns whether there may be more to send at once. */
  #failed(error, user, unsent) {
    if (error.code === "connection.lost") return false; // the next connection loads them, and then sends
    if (error.retry === "later") {
      this.#later(error.afterMs || AGAIN_MS);
      return false;
    }
    this.#settle(user, unsent, false);
    this.#fire("refused", { error });
    return true;
  }

  /** What was sent waits no longer, unless it has been changed again. */
  #settle(user, sent, counts) {
    const { told, unsent } = this.#now();
    if (this.#copy.user !== user) return;
    const rest = Object.entries(unsent).filter(([key, text]) => sent[key] !== text);
    this.#put({ user, told: counts ? changed(told, sent) : told, unsent: Object.fromEntries(rest) });
  }

  #later(ms) {
    this.#timer ??= setTimeout(() => void this.flush(), ms);
  }

  /** The copy as other tabs may have changed it. Without storage it is this tab's. */
  #now() {
    const copy = copyIn(this.#storage);
    return copy?.user === this.#copy.user ? copy : this.#copy;
  }

  /** @param {Copy} copy */
  #put(copy) {
    const before = this.#copy;
    this.#copy = copy;
    try {
      if (copy.user === null) remove(this.#storage);
      else this.#storage?.setItem(COPY, JSON.stringify(copy));
    } catch {
      remove(this.#storage); // it is full: the older copy there would count
    }
    if (JSON.stringify(shown(before)) !== JSON.stringify(shown(copy))) this.#fire("change");
  }

  #fire(type, detail = {}) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** @returns {Copy} */
function empty(user) {
  return { user, told: {}, unsent: {} };
}

function remove(storage) {
  try {
    storage.removeItem(COPY);
  } catch {
    // Nothing is there.
  }
}

/** What a Storage has; null if that is no copy. */
function copyIn(storage) {
  try {
    const { user, told, unsent } = JSON.parse(storage.getItem(COPY));
    return typeof user === "string" ? { user, told: ours(told), unsent: ours(unsent) } : null;
  } catch {
    return null;
  }
}

/** The texts of our keys. */
function ours(values) {
  return Object.fromEntries(Object.entries(Object(values)).filter(([key, text]) => key.startsWith(OURS) && (typeof text === "string" || text === null)));
}

/** `told` with other texts, which come last. */
function changed(told, values) {
  const kept = Object.entries(told).filter(([key]) => !Object.hasOwn(values, key));
  return Object.fromEntries([...kept, ...Object.entries(values).filter(([, text]) => text !== null)]);
}

/** What the page shows of a copy, as text. */
function shown({ told, unsent }) {
  return Object.entries(changed(told, unsent)).sort(([a], [b]) => (a < b ? -1 : 1));
}
