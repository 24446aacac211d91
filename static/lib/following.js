/** Keeps the rooms store true to the server: takes up its events again on each connection, and repairs losses. No DOM. */

import { PAGE } from "./history.js";
import { isEvent } from "./shapes.js";
import { RequestError } from "./socket.js";
import { roomTitle } from "./titles.js";

const ROOMS_PER_FRAME = 500; // keeps a sub frame far below the server's frame limit
const RESUME_AGAIN_MS = 2_000;
const LOOK_EVERY_MS = 5_000;

export class Following {
  /** Of the log from which the messages in the store are; null before the server has told it. */
  epoch = null;
  #connection;
  #store;
  #history;
  #sending;
  #preferences;
  #statuses;
  #blocks;
  #isMine;
  #onRefused;
  #onReady;
  #fire;
  #repairing = new Set();
  #lookedAt = 0;

  /**
   * `isMine()` resolves with whether the connection is the user's; `onRefused()` is called when the server does not let
   * them go on, `onReady()` when the store is up to date. `fire(type, detail)` tells what has happened, as a Session
   * fires it.
   */
  constructor({ connection, store, history, sending, preferences, statuses, blocks, isMine, onRefused, onReady, fire }) {
    this.#connection = connection;
    this.#store = store;
    this.#history = history;
    this.#sending = sending;
    this.#preferences = preferences;
    this.#statuses = statuses;
    this.#blocks = blocks;
    this.#isMine = isMine;
    this.#onRefused = onRefused;
    this.#onReady = onReady;
    this.#fire = fire;
    connection.addEventListener("hello", ({ detail }) => void this.#onHello(detail));
    connection.addEventListener("event", ({ detail }) => this.#onEvent(detail));
    connection.addEventListener("system", ({ detail }) => this.#onSystem(detail));
  }

  /** Public rooms that others make are not told to those who are not in them; looking brings them. */
  lookForRooms(now = Date.now()) {
    if (now - this.#lookedAt < LOOK_EVERY_MS) return;
    this.#lookedAt = now;
    this.refreshRooms().catch(() => {});
  }

  /** Positions come before state: what happens after the snapshot's heads arrives by subscription. */
  async refreshRooms() {
    const { moves } = this.#store;
    const rooms = await this.#allRooms();
    const before = new Set(this.#store.joined().map(({ id }) => id));
    this.#store.applySnapshot(rooms, moves);
    const fresh = this.#store.joined().filter(({ id, lastSeq }) => !before.has(id) || lastSeq === null);
    const positions = this.#store.positions();
    await this.#subscribe(Object.fromEntries(fresh.map(({ id }) => [id, positions[id]])));
  }

  /**
   * Shows the rooms of a page that was asked for over HTTP while the connection was made, if none are shown yet. Those of the
   * connection come in any case; they alone count if the page has not all rooms one is in.
   */
  async showListed(asking) {
    const { me } = this.#store;
    const page = await asking;
    const rooms = roomsOf(page);
    const isFirst = this.#store.me === me && !this.#store.isKnown && this.#store.rooms.size === 0;
    if (isFirst && !goesOn(page)) this.#store.applySnapshot(rooms);
  }

  /** All rooms of the user, page by page; of public rooms to join only the first page. */
  async #allRooms() {
    const rooms = [];
    /** @type {any} */
    let page;
    do {
      page = await this.#connection.request("rooms", page ? { after: page.after } : {});
      rooms.push(...roomsOf(page));
    } while (goesOn(page));
    return rooms;
  }

  async #onHello({ epoch }) {
    this.#lookedAt = 0;
    this.#repairing.clear();
    try {
      await this.#resume(epoch);
    } catch (error) {
      if (error.code === "connection.lost") return;
      const isRefusal = error instanceof RequestError && error.retry !== "later"; // else the server is away, or answers nonsense
      if (isRefusal) this.#onRefused();
      else setTimeout(() => this.#resumeAgain(epoch), error.afterMs || RESUME_AGAIN_MS);
    }
  }

  #resumeAgain(epoch) {
    if (this.#connection.status === "open") void this.#onHello({ epoch });
  }

  async #resume(epoch) {
    if (!(await this.#isMine())) return;
    const preferring = this.#preferences.load(); // asked before the rooms, so that they are drawn once
    preferring.catch(() => {}); // until it is awaited
    const { moves } = this.#store;
    const [rooms] = await Promise.all([this.#allRooms(), this.#blocks.load()]);
    // Another epoch is another log: the same seq would name another event there.
    const changed = this.epoch !== null && this.epoch !== epoch;
    const before = changed ? this.#store.joined() : [];
    const stale = before.filter(({ loaded }) => loaded);
    for (const { id } of before) this.#store.forgetMessages(id);
    this.epoch = epoch;
    this.#store.applySnapshot(rooms, changed ? undefined : moves);
    // A page loaded anew is as good as what was kept, and costs less than all that came since.
    const behind = this.#store.restored().filter(({ head, lastSeq }) => head - lastSeq > PAGE);
    for (const { id } of behind) this.#store.forgetMessages(id);
    await this.#subscribe(this.#store.positions());
    await Promise.all([...stale, ...behind].filter(({ opened }) => opened).map(({ id }) => this.#history.open(id)));
    if (changed) for (const { id } of this.#store.joined()) this.#fire("missed", { room: id });
    this.#onReady();
    await preferring;
  }

  async #subscribe(positions) {
    const all = Object.entries(positions);
    for (let start = 0; start < all.length; start += ROOMS_PER_FRAME) {
      const rooms = Object.fromEntries(all.slice(start, start + ROOMS_PER_FRAME));
      // Set before asking: replayed events follow the answer in the same breath.
      for (const [id, seq] of Object.entries(rooms)) this.#store.subscribed(id, seq);
      const answer = await this.#connection.request("sub", { rooms, epoch: this.epoch });
      const gaps = Object.entries(answer.rooms).filter(([, { state }]) => state === "gap");
      await Promise.all(gaps.map(([id]) => this.#reload(id)));
    }
  }

  /** After a gap: a fresh page, and events from its head on. */
  async #reload(id) {
    const head = await this.#history.reload(id);
    await this.#connection.request("sub", { rooms: { [id]: head }, epoch: this.epoch });
    this.#fire("missed", { room: id });
  }

  #onEvent(event) {
    if (event.ev === "room.added" || event.ev === "room.removed") {
      void this.refreshRooms().catch(() => {});
      if (event.ev === "room.removed" && !event.deleted) this.#tellRemoved(event.room, event.ban);
      const gone = event.deleted && this.#store.drop(event.room); // told once, however often it is said
      if (gone) this.#fire("deleted", { room: event.room, name: roomTitle(gone) });
      return;
    }
    if (event.ev === "presence") {
      this.#fire("presence", { users: event.users ?? {} });
      return;
    }
    if (event.ev === "preferences") {
      this.#preferences.applyEvent(event);
      return;
    }
    if (event.ev === "account.preferences") {
      this.#preferences.account.applyEvent(event);
      return;
    }
    if (event.ev === "blocked") {
      this.#blocks.applyEvent(event);
      return;
    }
    if (event.ev === "status") {
      this.#statuses.applyEvent(event);
      return;
    }
    if (event.ev === "plugin.notice") {
      this.#fire("heard", { notice: event });
      return;
    }
    if (event.ev === "plugins.changed") {
      this.#fire("plugins", {});
      return;
    }
    if (!isEvent(event)) {
      if (this.#store.room(event.room)?.joined) void this.#repair(event.room, (id) => this.#reload(id));
      return;
    }
    const outcome = this.#store.applyEvent(event);
    if (outcome !== "hole" && event.seq && event.ev !== "read") this.#sending.outbox.seen(event.room, event.seq);
    if (outcome === "hole") void this.#repair(event.room);
    if (outcome === "applied" && event.ev === "plugin.event") this.#fire("noted", { event });
    if (outcome !== "applied" || event.ev !== "message.posted") return;
    this.#sending.confirm(event);
    const { me, blocked } = this.#store;
    if (event.author.id !== me.id && !blocked.has(event.author.id)) this.#fire("message", { room: event.room, message: event });
  }

  /** Events were lost on the way: subscribing again from the last one seen brings them. What is no event was one, perhaps. */
  async #repair(id, repair = (room) => this.#subscribe({ [room]: this.#store.room(room).lastSeq })) {
    if (this.#repairing.has(id)) return;
    this.#repairing.add(id);
    try {
      await repair(id);
    } catch {
      // A lost connection repairs itself on the next hello.
    } finally {
      this.#repairing.delete(id);
    }
  }

  /** It is said more than once, and only once with the ban. Who left on another device may as well be told. */
  #tellRemoved(id, ban) {
    const room = this.#store.room(id);
    const isNew = room?.joined && !room.leaving;
    if (room) room.leaving = true;
    if (ban) this.#fire("banned", { room: id, name: room ? roomTitle(room) : null, ban });
    else if (isNew) this.#fire("removed", { room: id, name: roomTitle(room) });
  }

  #onSystem({ sys, room, rooms }) {
    if (sys !== "gap") return;
    for (const id of rooms ?? (room ? [room] : [])) void this.#reload(id).catch(() => {});
  }
}

function roomsOf({ rooms }) {
  if (!Array.isArray(rooms) || !rooms.every((room) => typeof room?.id === "string")) throw new TypeError("these are no rooms");
  return rooms;
}

/** Whether rooms that one is in are on further pages. */
function goesOn({ rooms, after }) {
  return Boolean(after) && rooms.at(-1)?.joined !== false;
}
