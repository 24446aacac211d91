/**
 * One lasting connection to /ws: opening, reconnecting, asking and answering, noticing a dead line.
 * It does not interpret frames. No DOM: it runs in node's test runner.
 *
 * Fires "status" ({status, code}), "hello" (the frame), "event" (frames with `ev`), "system" (frames with `sys`).
 * Status: "idle" | "connecting" | "open" (after hello) | "waiting" (to try again) | "stopped" (for good).
 */

export const FATAL_CLOSE = 4450; // protocol: below, reconnect and resume; from here on, stop
const RATE_LIMITED_CLOSE = 4429;
const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 30_000;
const STABLE_MS = 5_000; // a link that dies younger than this counts as a failed attempt
const ANSWER_MS = 15_000;
const PING_ANSWER_MS = 8_000;
const SUSPECT_MS = 2_500; // silence after a question, upon which the line is asked for a sign of life
const SOCKET_OPEN = 1; // WebSocket.OPEN

/** The server's refusal of one request, or code "connection.lost" when no answer came. */
export class RequestError extends Error {
  /** @param {{code: string, message: string, retry?: string, after_ms?: number, detail?: any}} error As the server says it. */
  constructor({ code, message, retry = "never", after_ms = 0, detail }) {
    super(message);
    this.name = "RequestError";
    this.code = code;
    this.detail = detail;
    this.retry = retry;
    this.afterMs = after_ms;
  }
}

const lost = () => new RequestError({ code: "connection.lost", message: "The connection was lost.", retry: "later" });

/** An answer that says nothing, or not in the protocol's words. */
const nonsense = () => new RequestError({ code: "server.internal", message: "The server made a mistake.", retry: "later" });

const tooLarge = () => new RequestError({ code: "limit.size", message: "The text is longer than the server accepts." });

/** Half of an exponential delay is certain, half is random, so that clients of one server do not return at once. */
export function backoffMs(attempt, random = Math.random) {
  const ceiling = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** attempt);
  return ceiling / 2 + (random() * ceiling) / 2;
}

export class Connection extends EventTarget {
  status = "idle";
  #url;
  #makeSocket;
  #random;
  /** @type {WebSocket | null} */
  #socket = null;
  #waiting = new Map();
  #nextId = 1;
  #maxFrame = Infinity;
  #attempt = 0;
  #isStable = false;
  #heardSince = false; // since the question under suspicion
  #heard = false; // since the last look; wall clocks may be set, so none is asked
  /** @type {number | undefined} */
  #retryTimer;
  /** @type {number | undefined} */
  #heartbeatTimer;
  /** @type {number | undefined} */
  #stableTimer;
  /** @type {number | undefined} */
  #suspectTimer;

  constructor({ url, makeSocket = (address) => new WebSocket(address, "chat.v1"), random = Math.random }) {
    super();
    this.#url = url;
    this.#makeSocket = makeSocket;
    this.#random = random;
  }

  start() {
    if (this.#socket || this.status === "waiting") return;
    this.#attempt = 0;
    this.#open();
  }

  stop() {
    clearTimeout(this.#retryTimer);
    this.#drop(1000);
    this.#setStatus("idle");
  }

  /** The device woke up or is online again: try at once, or make sure that the line is alive. */
  wake() {
    if (this.status === "waiting") {
      clearTimeout(this.#retryTimer);
      this.#open();
    } else if (this.status === "open") {
      this.#probe();
    }
  }

  /** The device has no network: what is open is lost, though the line would tell only much later. */
  offline() {
    if (this.status === "open" || this.status === "connecting") this.#fail(this.#socket);
  }

  /** Resolves with `ok`, rejects with RequestError. */
  request(op, fields = {}, { timeoutMs = ANSWER_MS } = {}) {
    if (this.status !== "open") return Promise.reject(lost());
    const id = this.#nextId++;
    const frame = JSON.stringify({ id, op, ...fields });
    // Sent all the same, it would end the connection, and after each reconnect the next one.
    if (new TextEncoder().encode(frame).length > this.#maxFrame) return Promise.reject(tooLarge());
    const socket = this.#socket;
    if (!socket) return Promise.reject(lost());
    if (socket.readyState > SOCKET_OPEN) {
      this.#fail(socket); // it is closing, and would swallow the frame
      return Promise.reject(lost());
    }
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#fail(socket), timeoutMs);
      this.#waiting.set(id, { resolve, reject, timer, isOfPlugin: op.includes(".") }); // which may answer with anything
      socket.send(frame);
      if (op !== "ping") this.#suspect();
    });
  }

  /** For operations without an answer; forgotten when there is no connection. */
  notify(op, fields = {}) {
    if (this.status === "open") this.#socket?.send(JSON.stringify({ id: this.#nextId++, op, ...fields }));
  }

  #open() {
    this.#setStatus("connecting");
    const socket = this.#makeSocket(this.#url);
    this.#socket = socket;
    this.#isStable = false;
    socket.onmessage = ({ data }) => socket === this.#socket && this.#receive(data);
    socket.onclose = ({ code }) => this.#closed(socket, code);
    this.#watch(ANSWER_MS); // until hello says how often the server is heard from
  }

  #receive(data) {
    this.#heard = true;
    this.#heardSince = true;
    const frame = parsed(data);
    if (frame === null) this.#fail(this.#socket); // not this protocol
    else if (frame.re !== undefined) this.#answer(frame);
    else if (frame.sys === "hello") {
      if (frame.heartbeat_ms > 0) this.#hello(frame);
      else this.#fail(this.#socket);
    } else if (frame.sys) this.#fire("system", frame);
    else if (frame.ev) this.#fire("event", frame);
  }

  #hello(frame) {
    clearTimeout(this.#stableTimer);
    this.#stableTimer = setTimeout(() => {
      this.#isStable = true;
    }, STABLE_MS);
    this.#maxFrame = frame.max_frame;
    this.#watch(frame.heartbeat_ms);
    this.#setStatus("open");
    this.#fire("hello", frame);
  }

  #answer({ re, ok, error }) {
    const waiting = this.#waiting.get(re);
    if (!waiting) return;
    this.#waiting.delete(re);
    clearTimeout(waiting.timer);
    if (typeof error?.code === "string") waiting.reject(new RequestError(error));
    else if (error === undefined && (isObject(ok) || (waiting.isOfPlugin && ok !== undefined))) waiting.resolve(ok);
    else waiting.reject(nonsense());
  }

  /** Protocol pings are invisible to a page, so silence is answered with a ping of our own. */
  #watch(everyMs) {
    clearInterval(this.#heartbeatTimer);
    this.#heard = false;
    this.#heartbeatTimer = setInterval(() => {
      const heard = this.#heard;
      this.#heard = false;
      if (heard) return;
      if (this.status === "open") this.#probe();
      else this.#fail(this.#socket);
    }, everyMs);
  }

  #probe(timeoutMs = PING_ANSWER_MS) {
    this.request("ping", {}, { timeoutMs }).catch(() => {});
  }

  /** A question that meets silence is the first sign of a dead line. The server answers pings at once. */
  #suspect() {
    if (this.#suspectTimer !== undefined) return;
    this.#heardSince = false;
    this.#suspectTimer = setTimeout(() => {
      this.#suspectTimer = undefined;
      if (this.#waiting.size === 0) return;
      if (this.#heardSince) this.#suspect();
      else this.#probe(SUSPECT_MS);
    }, SUSPECT_MS);
  }

  /** A dead line may take minutes to report its own close; do not wait for it. */
  #fail(socket) {
    if (!socket || socket !== this.#socket) return;
    this.#closed(socket, 1006);
    socket.close();
  }

  #closed(socket, code) {
    if (socket !== this.#socket) return;
    const stable = this.#isStable;
    this.#drop();
    if (code >= FATAL_CLOSE) {
      this.#setStatus("stopped", code);
      return;
    }
    this.#attempt = stable ? 0 : this.#attempt + 1;
    if (code === RATE_LIMITED_CLOSE) this.#attempt += 3;
    this.#retryTimer = setTimeout(() => this.#open(), backoffMs(Math.max(0, this.#attempt - 1), this.#random));
    this.#setStatus("waiting", code);
  }

  #drop(closeCode) {
    clearInterval(this.#heartbeatTimer);
    clearTimeout(this.#stableTimer);
    clearTimeout(this.#suspectTimer);
    this.#suspectTimer = undefined;
    this.#isStable = false;
    const socket = this.#socket;
    this.#socket = null;
    if (socket && closeCode) socket.close(closeCode);
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reject, timer } of waiting) {
      clearTimeout(timer);
      reject(lost());
    }
  }

  #setStatus(status, code = null) {
    if (this.status === status && code === null) return;
    this.status = status;
    this.#fire("status", { status, code });
  }

  #fire(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** A frame, or null for what is none. */
function parsed(data) {
  try {
    const frame = JSON.parse(data);
    return isObject(frame) ? frame : null;
  } catch {
    return null;
  }
}

function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
