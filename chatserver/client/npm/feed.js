/** The events of rooms as a client hands them out: in the order of each room, each once, across connections. */

/** @import { ChatEvent } from "./types.d.ts" */
/** @import { Gap } from "./client.d.ts" */

const MOST = 1000; // events that wait for the one who reads them; later ones are asked for again

/** Events that have come, and the positions up to which they have. */
export class Feed {
  /** @type {string} That of `positions`. */
  epoch;
  /** @type {string} That of `received`. */
  receivedEpoch;
  /** @type {Map<string, number>} Of what was handed out. */
  positions;
  /** @type {Map<string, number>} Of what has come, handed out or not. */
  received;
  /** Events were left out, as nobody took those before. */
  isBehind = false;
  /** @type {(ChatEvent | Gap | {ev: "epoch", epoch: string})[]} */
  #waiting = [];
  /** @type {Error | undefined} */
  #end;
  #news = () => {};

  /**
   * @param {string} epoch
   * @param {Record<string, number>} positions
   */
  constructor(epoch, positions) {
    this.epoch = this.receivedEpoch = epoch;
    this.positions = new Map(Object.entries(positions));
    this.received = new Map(this.positions);
  }

  get isEmpty() {
    return this.#waiting.length === 0;
  }

  /** Follow a room from here on, if it is not followed yet. */
  begin(/** @type {string} */ room, /** @type {number} */ head) {
    if (this.received.has(room)) return;
    this.received.set(room, head);
    this.positions.set(room, head);
  }

  /** The user is in the room no longer; what has come of it is still handed out. */
  forget(/** @type {string} */ room) {
    this.received.delete(room);
  }

  /** Go on behind events that cannot be had. */
  skip(/** @type {string} */ room, /** @type {number} */ head) {
    this.received.set(room, head);
    this.#add({ ev: "gap", room, head });
  }

  /** What comes from here on is of this epoch; `positions` are, too, once the gaps before it are handed out. */
  turnTo(/** @type {string} */ epoch) {
    if (epoch === this.receivedEpoch) return;
    if (!this.epoch) this.epoch = epoch;
    else this.#add({ ev: "epoch", epoch });
    this.receivedEpoch = epoch;
  }

  /** Take an event of a log in; false if one before it is missing. */
  take(/** @type {ChatEvent} */ event) {
    const last = this.received.get(event.room);
    if (last === undefined || event.seq <= last) return true;
    if (this.isBehind || this.#waiting.length >= MOST) {
      this.isBehind = true;
      return true;
    }
    if (event.seq > last + 1) return false;
    this.received.set(event.room, event.seq);
    this.#add(event);
    return true;
  }

  /** Hand out nothing of what waits. */
  clear() {
    this.#waiting.length = 0;
  }

  /** Nothing comes any more, for this reason. */
  finish(/** @type {Error} */ error) {
    this.#end = error;
    this.#news();
  }

  /** The next event, once there is one. Rejects with the end, after the last one. */
  async next() {
    for (;;) {
      const event = this.#waiting.shift();
      if (event?.ev === "epoch") this.epoch = event.epoch;
      else if (event) {
        this.positions.set(event.room, event.ev === "gap" ? event.head : event.seq);
        return event;
      } else if (this.#end) throw this.#end;
      else await new Promise((resolve) => (this.#news = () => resolve(undefined)));
    }
  }

  /** @param {ChatEvent | Gap | {ev: "epoch", epoch: string}} event */
  #add(event) {
    this.#waiting.push(event);
    this.#news();
  }
}
