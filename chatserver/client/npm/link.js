/** One connection after the other: each is opened, signed in, and listened to until it ends. */

import { ChatError, isWorthAnotherTry, lost } from "./errors.js";

const FIRST_MS = 1000; // until the next try to connect
const MOST_MS = 30_000;
const CONNECT_MS = 30_000;
const SILENT_BEATS = 2; // heartbeats without any frame, after which a connection counts as dead
const FATAL = 4450; // close codes from here on: another connection would be refused as well
const TOO_FAST = 4429;
const REJECTED = 4451;
const ABNORMAL = 1006;
const OPEN = 1; // WebSocket.OPEN

/** @typedef {Record<string, any>} Frame */
/** @typedef {{resolve: (ok: any) => void, reject: (error: Error) => void}} Answer */

/** Stays connected to a server until it is finished, or refused for good. */
export class Link {
  /** @type {Error | undefined} The reason for which there will be no other connection. */
  end;
  #address;
  #begun;
  #heard;
  #warn;
  /** @type {WebSocket | undefined} */
  #socket;
  /** @type {(code: number) => void} Ends the present connection, at once. */
  #leave = () => {};
  /** @type {Map<number, Answer>} */
  #answers = new Map();
  #number = 0;
  #maxFrame = Infinity;
  #isReady = false;
  /** @type {Answer[]} Those who wait for a connection that is ready. */
  #waiting = [];
  /** @type {number | undefined} Within which the server, which is about to stop, wants to be left. */
  #hurryMs;
  #wake = () => {};

  /**
   * `begun` is awaited with the hello of each connection, and signs in; what it is refused for good ends the link.
   * `heard` gets all events, `warn` a line for people about each failure to connect.
   *
   * @param {{address: string, begun: (hello: Frame) => Promise<void>, heard: (frame: Frame) => void,
   *   warn: (text: string) => void}} options
   */
  constructor({ address, begun, heard, warn }) {
    this.#address = address;
    this.#begun = begun;
    this.#heard = heard;
    this.#warn = warn;
  }

  /** Connect again and again. Resolves at the end of the link, when `end` is set. */
  async run() {
    let waitMs = FIRST_MS;
    while (!this.end) {
      const { code, wasReady } = await this.#talk();
      if (this.end) return;
      if (wasReady && code !== TOO_FAST) waitMs = FIRST_MS;
      // Partly by chance, so that the clients of one server do not all come at once.
      const pauseMs = this.#hurryMs === undefined ? waitMs * (0.5 + Math.random() / 2) : Math.random() * this.#hurryMs;
      this.#hurryMs = undefined;
      if (!wasReady) this.#warn(`chatserver: no connection (${code}), the next try is in ${Math.round(pauseMs)} ms`);
      await this.#pause(pauseMs);
      waitMs = Math.min(2 * waitMs, MOST_MS);
    }
  }

  /** End the link for this reason, which all who wait for something get. */
  finish(/** @type {Error} */ error) {
    if (this.end) return;
    this.end = error;
    this.#leave(ABNORMAL);
    this.#wake();
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }

  /** Resolves once there is a connection whose `begun` is done. Rejects with the end of the link. */
  async ready() {
    if (this.end) throw this.end;
    if (!this.#isReady) await new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  /**
   * The answer to an operation on the present connection. Rejects with a `ChatError`.
   *
   * @param {string} op
   * @param {object} fields
   * @returns {Promise<any>}
   */
  ask(op, fields) {
    return new Promise((resolve, reject) => this.#answers.set(this.say(op, fields), { resolve, reject }));
  }

  /**
   * Send an operation; returns its number. Throws a `ChatError` if there is no connection, or if it is too large.
   *
   * @param {string} op
   * @param {object} fields
   */
  say(op, fields) {
    const socket = this.#socket;
    if (socket?.readyState !== OPEN) throw this.end ?? lost();
    const id = this.#number + 1;
    const frame = JSON.stringify({ ...fields, id, op });
    // Sent all the same, it would end the connection, and repeated the next ones.
    if (new TextEncoder().encode(frame).length > this.#maxFrame) {
      throw new ChatError({ code: "limit.size", message: "The text is longer than the server accepts." });
    }
    this.#number = id;
    socket.send(frame);
    return id;
  }

  /**
   * One connection from its beginning to its end.
   *
   * @returns {Promise<{code: number, wasReady: boolean}>}
   */
  #talk() {
    return new Promise((resolve) => {
      const socket = new WebSocket(this.#address, "chat.v1");
      this.#socket = socket;
      let silentBeats = 0;
      /** @type {number | ReturnType<typeof setTimeout>} */
      let timer = setTimeout(() => leave(ABNORMAL), CONNECT_MS);

      // A dead line may take minutes to report its own close; nobody waits for that.
      const leave = (/** @type {number} */ code) => {
        if (this.#socket !== socket) return;
        clearTimeout(timer);
        this.#socket = undefined;
        socket.close();
        const wasReady = this.#isReady;
        this.#isReady = false;
        if (code >= FATAL) this.finish(refused(code));
        this.#lose();
        resolve({ code, wasReady });
      };
      const beat = () => {
        silentBeats += 1;
        if (silentBeats > SILENT_BEATS) leave(ABNORMAL);
        else if (socket.readyState === OPEN) this.say("ping", {}); // answered at once, and by nobody awaited
      };
      this.#leave = leave;
      socket.onclose = ({ code }) => leave(code);
      socket.onerror = () => socket.readyState !== OPEN && leave(ABNORMAL); // Node 20 does not close what was never open
      socket.onmessage = ({ data }) => {
        if (this.#socket !== socket) return;
        silentBeats = 0;
        const frame = parsed(data);
        if (frame?.sys === "hello" && frame.heartbeat_ms > 0) {
          clearTimeout(timer);
          timer = setInterval(beat, frame.heartbeat_ms);
          this.#maxFrame = frame.max_frame;
          this.#begin(socket, frame);
        } else if (frame && frame.sys !== "hello") this.#take(frame);
        else leave(ABNORMAL); // not this protocol
      };
    });
  }

  /**
   * @param {WebSocket} socket
   * @param {Frame} hello
   */
  async #begin(socket, hello) {
    try {
      await this.#begun(hello);
    } catch (error) {
      if (this.#socket !== socket) return; // the next one begins by itself
      if (isWorthAnotherTry(error)) this.#leave(ABNORMAL);
      else this.finish(/** @type {Error} */ (error));
      return;
    }
    if (this.#socket !== socket) return;
    this.#isReady = true;
    for (const { resolve } of this.#waiting.splice(0)) resolve(undefined);
  }

  #take(/** @type {Frame} */ frame) {
    if (frame.re === undefined) {
      if (frame.sys === "drain") this.#hurryMs = frame.after_ms;
      if (frame.ev) this.#heard(frame);
      return;
    }
    const answer = this.#answers.get(frame.re);
    this.#answers.delete(frame.re);
    if (frame.error) answer?.reject(new ChatError(frame.error));
    else answer?.resolve(frame.ok);
  }

  /** Those who wait for answers get none any more. */
  #lose() {
    const answers = [...this.#answers.values()];
    this.#answers.clear();
    for (const { reject } of answers) reject(this.end ?? lost());
  }

  /** Wait, unless the link ends meanwhile. */
  #pause(/** @type {number} */ ms) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve(undefined);
      };
    });
  }
}

function refused(/** @type {number} */ close) {
  const code = close === REJECTED ? "auth.invalid" : "connection.refused";
  return new ChatError({ code, message: `The server has ended the connection for good, with ${close}.` }, close);
}

/** @returns {Frame | undefined} A frame, or undefined for what is none. */
function parsed(/** @type {unknown} */ data) {
  try {
    const frame = JSON.parse(String(data));
    return typeof frame === "object" && frame !== null ? frame : undefined;
  } catch {
    return undefined;
  }
}
