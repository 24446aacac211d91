/**
 * What people say of themselves for a while: an emoji, a text, until a time. Those of people who are shown are asked for
 * together, and the server tells of changes; that one has ended is seen by the clock here. No DOM.
 *
 * Fires "change" ({users: Set of the ids of those who have another status now}).
 */

const ASKED = 200; // people at once, as the server takes them
const KNOWN = 2_000; // people; the first ones are forgotten
const TIMER_MS = 2 ** 31 - 1; // the longest that a browser waits

export class Statuses extends EventTarget {
  #connection;
  #store;
  #known = new Map(); // by user, `{emoji, text, until}`, or null
  #shown = new Map(); // by user, what was fired last, if that was a status
  #wanted = new Set();
  #awaited = new Set(); // of whom the next answer counts: nothing newer was told since it was asked for
  #asking = 0; // the timers of the next question, and of the next end
  #ending = 0;

  constructor({ connection, store }) {
    super();
    this.#connection = connection;
    this.#store = store;
    store.addEventListener("change", ({ detail }) => detail.room === null && this.#wantDirect());
    this.#wantDirect();
  }

  /** Somebody else is signed in, or nobody. */
  reset() {
    clearTimeout(this.#asking);
    clearTimeout(this.#ending);
    this.#asking = this.#ending = 0;
    for (const all of [this.#known, this.#shown, this.#wanted, this.#awaited]) all.clear();
  }

  /** The status of somebody (id), null if there is none. It is asked for if it is not known: "change" tells then. */
  of(user, now = Date.now()) {
    if (!this.#known.has(user)) this.#want(user);
    const status = this.#known.get(user) ?? null;
    return status && !isOver(status, now) ? status : null;
  }

  /** The server told it. */
  applyEvent({ user, status }) {
    this.#wanted.delete(user);
    this.#awaited.delete(user);
    this.#known.set(user, status ?? null);
    this.#tell();
  }

  /** Changes were missed: all are asked for again. */
  refresh() {
    for (const user of [...this.#known.keys(), ...this.#wanted]) this.#want(user);
  }

  /** Sets my status; an empty one clears it. Rejects with the refusal. */
  async set(fields) {
    const { status } = await this.#connection.request("status", fields);
    this.applyEvent({ user: this.#store.me.id, status });
  }

  #want(user) {
    this.#wanted.add(user);
    this.#asking ||= setTimeout(() => void this.#ask());
  }

  async #ask() {
    this.#asking = 0;
    const users = [...this.#wanted].slice(0, ASKED);
    for (const user of users) {
      this.#wanted.delete(user);
      this.#awaited.add(user);
    }
    if (this.#wanted.size) this.#asking = setTimeout(() => void this.#ask());
    try {
      const found = (await this.#connection.request("statuses", { users })).users ?? {};
      for (const user of users) if (this.#awaited.delete(user)) this.#known.set(user, Object.hasOwn(found, user) ? found[user] : null);
    } catch {
      for (const user of users) this.#wanted.add(user); // asked for with the next ones, or when the connection is back
      return;
    }
    for (const user of this.#known.keys()) {
      if (this.#known.size <= KNOWN) break;
      this.#known.delete(user);
    }
    this.#tell();
  }

  /** Fires what is to be shown otherwise than before, and wakes up when the next one ends. */
  #tell(now = Date.now()) {
    const users = new Set();
    let next = Infinity;
    for (const [user, status] of this.#known) {
      const shown = status && !isOver(status, now) ? status : undefined;
      if (shown?.until) next = Math.min(next, Date.parse(shown.until));
      if (!isSame(shown, this.#shown.get(user))) users.add(user);
      if (shown) this.#shown.set(user, shown);
      else this.#shown.delete(user);
    }
    clearTimeout(this.#ending);
    if (next < Infinity) this.#ending = setTimeout(() => this.#tell(), Math.min(next - now, TIMER_MS));
    if (users.size === 0) return;
    for (const { id, other } of this.#store.rooms.values()) if (users.has(other)) this.#store.say(id, this.of(other, now));
    this.dispatchEvent(new CustomEvent("change", { detail: { users } }));
  }

  #wantDirect() {
    for (const room of this.#store.rooms.values()) if (room.other) room.status = this.of(room.other);
  }
}

function isOver({ until }, now) {
  return Boolean(until) && !(Date.parse(until) > now);
}

function isSame(one, other) {
  return ["emoji", "text", "until"].every((field) => one?.[field] === other?.[field]) && Boolean(one) === Boolean(other);
}
