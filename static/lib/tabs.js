/**
 * The tabs of this browser in which one user is signed in. One of them leads: it holds a lock of the browser, which
 * passes to another tab when it is closed, or when it does not answer. No DOM.
 *
 * Fires "leader" (this tab leads from now on), "deposed" (another tab has taken the lead) and "message" (with what
 * another tab has told as its detail).
 */

const PONG_MS = 3_000; // for a sign of life; a tab that the browser has put to sleep gives none

/**
 * In place of `Tabs`, for a page that has no others.
 * @type {any}
 */
export const ALONE = Object.freeze({ isLeader: true, join() {}, leave() {}, tell() {}, check() {}, addEventListener() {} });

export class Tabs extends EventTarget {
  isLeader = false;
  #locks;
  #makeChannel;
  /** @type {BroadcastChannel | null} */
  #channel = null;
  #name = "";
  /** @type {AbortController | null} */
  #turn = null; // ends the wait for the lock, or lets it go
  #isChecking = false;
  #hasHeard = false; // of the leading tab, since it was asked

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
    this.#name = `chat:${user}`;
    const channel = this.#makeChannel(this.#name);
    this.#channel = channel;
    channel.onmessage = ({ data }) => this.#onMessage(data);
    if (this.#locks) this.#queue();
    else this.#lead();
  }

  leave() {
    this.#turn?.abort();
    this.#channel?.close();
    this.#turn = null;
    this.#channel = null;
    this.isLeader = false;
  }

  /** Tells the other tabs; `message` is anything that can be cloned. */
  tell(message) {
    this.#channel?.postMessage(message);
  }

  /** Makes sure that the leading tab is awake; if it gives no sign of life, this tab takes the lead. */
  async check() {
    if (this.isLeader || this.#isChecking || !this.#locks || !this.#channel) return;
    const channel = this.#channel;
    this.#isChecking = true;
    this.#hasHeard = false;
    this.tell({ tabs: "ping" });
    await new Promise((resolve) => setTimeout(resolve, PONG_MS));
    this.#isChecking = false;
    if (!this.#hasHeard && !this.isLeader && this.#channel === channel) this.#queue({ steal: true });
  }

  #onMessage(data) {
    if (data.tabs === "ping") {
      if (this.isLeader) this.tell({ tabs: "leads" });
    } else if (data.tabs === "leads") this.#hasHeard = true;
    else this.dispatchEvent(new CustomEvent("message", { detail: data }));
  }

  /** Waits for the lock, or takes it from its holder. */
  #queue({ steal = false } = {}) {
    this.#turn?.abort();
    const turn = new AbortController();
    this.#turn = turn;
    const ended = new Promise((resolve) => turn.signal.addEventListener("abort", resolve));
    const hold = () => {
      if (turn.signal.aborted) return undefined;
      this.#lead();
      return ended;
    };
    this.#locks.request(this.#name, steal ? { steal } : { signal: turn.signal }, hold).catch((error) => {
      if (turn.signal.aborted) return;
      if (error.name === "AbortError") this.#onDeposed();
      else this.#lead(); // storage is blocked, and with it the locks
    });
  }

  #lead() {
    this.isLeader = true;
    this.tell({ tabs: "leads" });
    this.dispatchEvent(new CustomEvent("leader"));
  }

  #onDeposed() {
    this.isLeader = false;
    this.#queue();
    this.dispatchEvent(new CustomEvent("deposed"));
  }
}
