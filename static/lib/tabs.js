/**
 * The tabs of this browser in which one user is signed in. One of them leads: it holds a lock of the browser, which
 * passes to another tab when it is closed. No DOM.
 *
 * Fires "leader" (this tab leads from now on) and "message" (with what another tab has told as its detail).
 */

/**
 * In place of `Tabs`, for a page that has no others.
 * @type {any}
 */
export const ALONE = Object.freeze({ isLeader: true, join() {}, leave() {}, tell() {}, addEventListener() {} });

export class Tabs extends EventTarget {
  isLeader = false;
  #locks;
  #makeChannel;
  /** @type {BroadcastChannel | null} */
  #channel = null;
  /** @type {AbortController | null} */
  #left = null;

  /**
   * `locks` is `navigator.locks`, which browsers have on https and localhost alone. Without it each tab leads; the server
   * knows a message that is sent twice by its client_id.
   */
  constructor({ locks = globalThis.navigator?.locks ?? null, makeChannel = (name) => new BroadcastChannel(name) } = {}) {
    super();
    this.#locks = locks;
    this.#makeChannel = makeChannel;
  }

  join(user) {
    this.leave();
    const left = new AbortController();
    this.#left = left;
    const channel = this.#makeChannel(`chat:${user}`);
    this.#channel = channel;
    channel.onmessage = ({ data }) => this.dispatchEvent(new CustomEvent("message", { detail: data }));
    if (this.#locks) void this.#wait(`chat:${user}`, left.signal);
    else this.#lead();
  }

  leave() {
    this.#left?.abort();
    this.#channel?.close();
    this.#left = null;
    this.#channel = null;
    this.isLeader = false;
  }

  /** Tells the other tabs; `message` is anything that can be cloned. */
  tell(message) {
    this.#channel?.postMessage(message);
  }

  async #wait(name, signal) {
    const ended = new Promise((resolve) => signal.addEventListener("abort", resolve));
    const hold = () => {
      if (signal.aborted) return undefined;
      this.#lead();
      return ended;
    };
    try {
      await this.#locks.request(name, { signal }, hold);
    } catch (error) {
      if (error.name !== "AbortError" && !signal.aborted) this.#lead(); // storage is blocked, and with it the locks
    }
  }

  #lead() {
    this.isLeader = true;
    this.dispatchEvent(new CustomEvent("leader"));
  }
}
