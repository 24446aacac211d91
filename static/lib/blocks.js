/** Whom the reader blocks, kept in the rooms store as the server tells it. No DOM. */

const RECOUNT_MS = 1_000; // for a quarter of a second, another node of the server may count by the list before

export class Blocks {
  #connection;
  #store;
  #refresh;
  #heard = new Map(); // by user, what the server has told since the list was asked for
  #recounting = 0; // a timer

  /** `refresh()` brings the list of rooms up to date: messages of those who are blocked count for no unread number. */
  constructor({ connection, store, refresh }) {
    this.#connection = connection;
    this.#store = store;
    this.#refresh = refresh;
  }

  /** Somebody else is signed in, or nobody. */
  reset() {
    clearTimeout(this.#recounting);
    this.#recounting = 0;
    this.#heard = new Map();
  }

  /** Asks for the list. What the server tells meanwhile is newer than its answer; what is no list changes nothing. */
  async load() {
    const heard = new Map();
    this.#heard = heard;
    const users = await this.list();
    if (this.#heard !== heard || !Array.isArray(users)) return; // or asked again meanwhile
    const blocked = new Set(users.map((user) => user?.id));
    for (const [user, isBlocked] of heard) put(blocked, user, isBlocked);
    this.#store.block(blocked);
  }

  /** Those whom the reader blocks, the latest first: `[{id, name, username, at}, …]`. */
  async list() {
    return (await this.#connection.request("blocks")).users;
  }

  /** Rejects with the refusal. */
  async add(user) {
    await this.#connection.request("block", { user });
    this.applyEvent({ user, blocked: true });
  }

  async remove(user) {
    await this.#connection.request("unblock", { user });
    this.applyEvent({ user, blocked: false });
  }

  /** The server told it, or another tab. */
  applyEvent({ user, blocked: isBlocked }) {
    this.#heard.set(user, isBlocked);
    const blocked = new Set(this.#store.blocked);
    put(blocked, user, isBlocked);
    if (this.#store.block(blocked)) this.#recounting ||= setTimeout(() => this.#recount(), RECOUNT_MS);
  }

  #recount() {
    this.#recounting = 0;
    this.#refresh().catch(() => {}); // a lost connection counts anew when it is back
  }
}

function put(users, user, isThere) {
  if (isThere) users.add(user);
  else users.delete(user);
}
