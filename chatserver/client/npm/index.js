/** A client of chatserver: it comes back after each interruption, and misses and repeats nothing. */

/** @import { Chat as Told, Options } from "./client.d.ts" */
/** @import { ChatEvent, Followed, Notice, RoomView, User } from "./types.d.ts" */
/** @import { Frame } from "./link.js" */

import { ChatError, isWorthAnotherTry } from "./errors.js";
import { Feed } from "./feed.js";
import { Link } from "./link.js";

export { ChatError };

const ROOMS_AT_ONCE = 1000; // of one answer, and followed by one operation
const MOST_TIMES = 32; // as long as the server asks for is waited at last, while a room cannot be followed
const WITHOUT_ANSWER = "typing";

/**
 * One user of one server, once that is connected and signed in. Rejects with a `ChatError` if the server refuses.
 *
 * @param {Options} options
 * @returns {Promise<Told>}
 */
export async function connect(options) {
  if (typeof WebSocket === "undefined") {
    throw new TypeError("there is no WebSocket: start Node 20 with --experimental-websocket, or take a newer one");
  }
  const chat = new Chat(options);
  await chat.begun();
  return chat;
}

/** @implements {Told} */
class Chat {
  /** @type {User | undefined} */
  user;
  #token;
  #wanted;
  #link;
  #feed;
  #present = ""; // the epoch of the server as it is now
  /** @type {Set<string>} Rooms that the user has come into on this connection. */
  #entered = new Set();
  #isFollowing = false;
  #hasLeftOut = false; // events, since what is missing was asked for the last time
  /** @type {Set<(notice: Notice) => void>} */
  #listeners = new Set();

  /** @param {Options} options */
  constructor({ url, token, rooms, positions = {}, epoch = "", warn = console.warn }) {
    this.#token = token;
    this.#wanted = rooms && [...rooms];
    this.#feed = new Feed(epoch, positions);
    this.#link = new Link({
      address: socketAddress(url),
      begun: (hello) => this.#begin(hello),
      heard: (frame) => this.#hear(frame),
      warn,
    });
    const ended = this.#link.run().catch((error) => this.#link.finish(error));
    ended.then(() => this.#feed.finish(/** @type {Error} */ (this.#link.end)));
  }

  begun() {
    return this.#link.ready();
  }

  get positions() {
    return Object.fromEntries(this.#feed.positions);
  }

  get epoch() {
    return this.#feed.epoch;
  }

  async *events() {
    try {
      for (;;) {
        if (this.#feed.isBehind && this.#feed.isEmpty) {
          this.#feed.isBehind = false;
          this.#hasLeftOut = true;
          this.#followAgain();
        }
        yield await this.#feed.next();
      }
    } catch (error) {
      if (!(error instanceof ChatError) || error.code !== "client.closed") throw error;
    }
  }

  /** @param {(notice: Notice) => void} listener */
  onNotice(listener) {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** @type {Told["send"]} */
  async send(room, body, more = {}) {
    const fields = { ...more, room, body, client_id: more.client_id ?? newId() };
    for (;;) {
      await this.#link.ready();
      try {
        return await this.#link.ask("send", fields);
      } catch (error) {
        if (this.#link.end || !isWorthAnotherTry(error)) throw error;
        await pause(/** @type {ChatError} */ (error).after_ms);
      }
    }
  }

  /**
   * @param {string} op
   * @param {object} [fields]
   * @returns {Promise<any>}
   */
  async request(op, fields = {}) {
    await this.#link.ready();
    if (op !== WITHOUT_ANSWER) return this.#link.ask(op, fields);
    this.#link.say(op, fields);
  }

  close() {
    this.#feed.clear();
    this.#link.finish(new ChatError({ code: "client.closed", message: "The client is closed." }));
  }

  // -- the link --------------------------------------------------------------------------------

  /** Sign in, and take up all rooms on a new connection. */
  async #begin(/** @type {Frame} */ hello) {
    this.#present = hello.epoch;
    this.#entered.clear();
    if (this.#token !== undefined) this.user = (await this.#link.ask("auth", { token: this.#token })).user;
    const heads = this.#wanted ? await this.#heads(this.#wanted) : await this.#joined();
    for (const room of this.#feed.received.keys()) {
      if (!heads.has(room) && !this.#entered.has(room)) this.#feed.forget(room);
    }
    for (const [room, head] of heads) this.#feed.begin(room, head);
    const epoch = this.#feed.receivedEpoch || hello.epoch;
    try {
      await this.#follow(this.#feed.received, epoch);
    } catch (error) {
      // One room that cannot be had for the time being keeps none of the others waiting.
      if (!isWorthAnotherTry(error) || epoch !== hello.epoch) throw error;
      this.#followAgain();
    }
    this.#feed.turnTo(hello.epoch);
  }

  /** The rooms that the user is in, each with its head. */
  async #joined() {
    const heads = new Map();
    let page = { more: true, after: "", rooms: /** @type {RoomView[]} */ ([]) };
    while (page.more) {
      page = await this.#link.ask("rooms", { limit: ROOMS_AT_ONCE, after: page.after });
      for (const { id, head, joined = true } of page.rooms) if (joined) heads.set(id, head);
    }
    return heads;
  }

  /** Where to begin in these rooms; those that the user may not read are left out. */
  async #heads(/** @type {string[]} */ rooms) {
    const heads = new Map();
    for (const room of rooms) {
      try {
        heads.set(room, (await this.#link.ask("room", { room })).head);
      } catch (error) {
        if (isWorthAnotherTry(error) || !isOfRoom(error)) throw error;
      }
    }
    return heads;
  }

  /**
   * Have the events behind these positions sent, then those that happen. Rejects, once all others are followed, if
   * a room is to be tried later.
   *
   * @param {Map<string, number>} positions
   * @param {string} [epoch] That of the positions, the present one by default.
   */
  async #follow(positions, epoch = this.#present) {
    const given = [...positions];
    let later;
    for (let start = 0; start < given.length; start += ROOMS_AT_ONCE) {
      const gaps = new Map();
      const states = await this.#subscribe(given.slice(start, start + ROOMS_AT_ONCE), epoch);
      for (const [room, { state, head, error }] of states) {
        if (state === "gap") {
          this.#feed.skip(room, head);
          gaps.set(room, head);
        } else if (error?.retry === "later") {
          later = new ChatError(error);
        } else if (state === "error") {
          this.#feed.forget(room);
        }
      }
      if (gaps.size) await this.#follow(gaps);
    }
    if (later) throw later;
  }

  /**
   * The outcome of following each room. The server refuses as a whole if it refuses all of them; then they are asked
   * for one by one, so that each has its own.
   *
   * @param {[string, number][]} given
   * @param {string} epoch
   * @returns {Promise<[string, Followed][]>}
   */
  async #subscribe(given, epoch) {
    try {
      return Object.entries((await this.#link.ask("sub", { rooms: Object.fromEntries(given), epoch })).rooms);
    } catch (error) {
      if (!isOfRoom(error)) throw error;
      if (given.length === 1) return [[given[0][0], { state: "error", head: 0 }]];
    }
    const states = [];
    for (const room of given) states.push(...(await this.#subscribe([room], epoch)));
    return states;
  }

  /** Ask for what was left out, or is missing; what comes before the answer is ignored, as it comes again. */
  async #followAgain() {
    this.#hasLeftOut = true;
    if (this.#isFollowing) return; // it goes on by itself
    this.#isFollowing = true;
    try {
      while (this.#hasLeftOut) {
        this.#hasLeftOut = false;
        await this.#followPatiently();
      }
    } catch {
      // The next connection takes up all rooms.
    } finally {
      this.#isFollowing = false;
    }
  }

  /** Follow all rooms from where one is, once the server does not ask to wait any more. Rejects if it is lost. */
  async #followPatiently() {
    for (let times = 1; ; times = Math.min(2 * times, MOST_TIMES)) {
      await this.#link.ready(); // then what has come is of the present epoch
      try {
        return await this.#follow(this.#feed.received);
      } catch (error) {
        if (!isWorthAnotherTry(error)) throw error;
        await pause(times * (/** @type {ChatError} */ (error).after_ms ?? 0));
      }
    }
  }

  #hear(/** @type {Frame} */ frame) {
    if (frame.author && frame.seq) {
      if (!this.#feed.take(/** @type {ChatEvent} */ (frame))) this.#followAgain();
      return;
    }
    if (frame.ev === "room.added" && !this.#wanted) this.#enter(frame.room, frame.head);
    for (const listener of this.#listeners) listener(/** @type {Notice} */ (frame));
  }

  /** Follow a room that the user has come into. */
  async #enter(/** @type {string} */ room, /** @type {number} */ head) {
    this.#entered.add(room);
    this.#feed.begin(room, head);
    try {
      await this.#follow(new Map([[room, this.#feed.received.get(room) ?? head]]));
    } catch {
      this.#followAgain();
    }
  }
}

function socketAddress(/** @type {string} */ url) {
  const { protocol, host, pathname } = new URL(url);
  if (protocol !== "http:" && protocol !== "https:") throw new TypeError("expected an address such as https://chat.example.org");
  return `${protocol.replace("http", "ws")}//${host}${pathname.replace(/\/$/, "")}/ws`;
}

/** Of a room alone, so that others are not concerned. */
function isOfRoom(/** @type {unknown} */ error) {
  return error instanceof ChatError && error.code.startsWith("room.");
}

function pause(/** @type {number | undefined} */ ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Unique for ever; `crypto.randomUUID` is not there in a page without TLS. */
function newId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
