/**
 * One connection for all tabs of a user, with the interface of `Connection` (socket.js). The leading tab has it; the
 * others ask through that tab, and are told what it hears. No DOM.
 */

import { RequestError } from "./socket.js";

const ANSWER_MS = 20_000; // a little longer than the leading tab waits itself
const SUSPECT_MS = 2_500; // without an answer, before the leading tab is asked for a sign of life
const LOOK_MS = 10_000;
const WATCHED = 200; // users whose presence the server tells to one connection
const TOLD = ["status", "hello", "event", "system"];

const lost = () => new RequestError({ code: "connection.lost", message: "The connection was lost.", retry: "later" });

export class SharedConnection extends EventTarget {
  status = "idle";
  #own;
  #tabs;
  #me = crypto.getRandomValues(new Uint32Array(2)).join("-");
  #isStarted = false;
  #hello = null; // the last one, for tabs that come later
  #code = null;
  #positions = new Map(); // by room, the last seq that all tabs have been sent
  #watched = new Map(); // by room, the users that each tab wants to see the presence of
  #asked = new Map();
  #nextId = 1;
  /** @type {number | undefined} */
  #look;

  /** `connection` is the tab's own, which it opens only while it leads; `tabs` as lib/tabs.js has them. */
  constructor({ connection, tabs }) {
    super();
    this.#own = connection;
    this.#tabs = tabs;
    for (const type of TOLD) connection.addEventListener(type, ({ detail }) => this.#onOwn(type, detail));
    tabs.addEventListener("leader", () => this.#lead());
    tabs.addEventListener("deposed", () => this.#follow());
    tabs.addEventListener("message", ({ detail }) => this.#onTold(detail));
  }

  start() {
    if (this.#isStarted) return;
    this.#isStarted = true;
    if (this.#tabs.isLeader) this.#lead();
    else this.#follow();
  }

  stop() {
    this.#isStarted = false;
    clearInterval(this.#look);
    this.#loseAll();
    this.#own.stop();
    this.#hear("status", { status: "idle", code: null });
  }

  /** The device woke up or is online again. */
  wake() {
    if (this.#tabs.isLeader) this.#own.wake();
    else if (this.#isStarted) {
      this.#tabs.tell({ line: "wake" });
      void this.#tabs.check();
    }
  }

  offline() {
    if (this.#tabs.isLeader) this.#own.offline();
  }

  /** Resolves with `ok`, rejects with RequestError. */
  request(op, fields = {}) {
    if (this.#tabs.isLeader) return this.#ask(this.#me, op, fields);
    if (this.status !== "open") return Promise.reject(lost());
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const suspicion = setTimeout(() => void this.#tabs.check(), SUSPECT_MS);
      const timer = setTimeout(() => this.#answered({ id, error: lost() }), ANSWER_MS);
      this.#asked.set(id, { resolve, reject, suspicion, timer });
      this.#tabs.tell({ line: "ask", from: this.#me, id, op, fields });
    });
  }

  /** For operations without an answer; forgotten when there is no connection. */
  notify(op, fields = {}) {
    if (this.#tabs.isLeader) this.#own.notify(op, fields);
    else if (this.status === "open") this.#tabs.tell({ line: "notify", op, fields });
  }

  #lead() {
    if (!this.#isStarted) return;
    clearInterval(this.#look);
    this.#loseAll();
    this.#hear("status", { status: "connecting", code: null });
    this.#own.start();
  }

  #follow() {
    if (!this.#isStarted) return;
    this.#loseAll();
    this.#own.stop();
    this.#hear("status", { status: "connecting", code: null });
    this.#askWho();
    clearInterval(this.#look);
    this.#look = setInterval(() => {
      if (this.status !== "open") this.#askWho();
      void this.#tabs.check();
    }, LOOK_MS);
  }

  /** The leading tab tells its status, and its last hello. */
  #askWho() {
    this.#tabs.tell({ line: "who", from: this.#me });
  }

  /** What this tab's own connection hears is for all. */
  #onOwn(type, detail) {
    if (!this.#isStarted || !this.#tabs.isLeader) return;
    if (type === "hello") {
      this.#hello = detail;
      this.#positions.clear();
      this.#watched.clear();
    }
    if (type === "status") this.#code = detail.code;
    if (type === "event" && detail.ev !== "read" && this.#positions.get(detail.room) < detail.seq) this.#positions.set(detail.room, detail.seq);
    this.#tabs.tell({ line: type, detail });
    this.#hear(type, detail);
  }

  #hear(type, detail) {
    if (type === "status") this.status = detail.status;
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  #onTold(told) {
    if (!this.#isStarted || !told.line || (told.to && told.to !== this.#me)) return;
    if (this.#tabs.isLeader) this.#serve(told);
    else if (told.line === "answer") this.#answered(told);
    else if (TOLD.includes(told.line)) {
      if (told.line === "status" && told.detail.status !== "open") this.#loseAll();
      this.#hear(told.line, told.detail);
    }
  }

  /** What another tab wants of the connection. */
  #serve({ line, from, id, op, fields }) {
    if (line === "wake") this.#own.wake();
    else if (line === "notify") this.#own.notify(op, fields);
    else if (line === "who") {
      this.#tabs.tell({ line: "status", to: from, detail: { status: this.status, code: this.#code } });
      if (this.status === "open") this.#tabs.tell({ line: "hello", to: from, detail: this.#hello });
    } else if (line === "ask") {
      const answer = (more) => this.#tabs.tell({ line: "answer", to: from, id, ...more });
      this.#ask(from, op, fields).then(
        (ok) => answer({ ok }),
        ({ code, message, retry, afterMs, detail }) => answer({ error: { code, message, retry, after_ms: afterMs, detail } }),
      );
    }
  }

  /** What the server tells a user's other connections, it does not tell this one, on which the other tabs are. */
  #ask(tab, op, fields) {
    if (op === "sub") return this.#own.request(op, { ...fields, rooms: this.#forAll(fields.rooms) });
    if (op === "presence") return this.#own.request(op, { ...fields, users: this.#watchedByAll(tab, fields) });
    const asked = this.#own.request(op, fields);
    if (op === "read") asked.then(() => this.#onOwn("event", { ev: "read", ...fields }), () => {});
    if (op === "prefer") asked.then((preferences) => this.#onOwn("event", { ev: "preferences", room: fields.room, preferences }), () => {});
    if (op === "block" || op === "unblock") asked.then(() => this.#onOwn("event", { ev: "blocked", ...fields, blocked: op === "block" }), () => {});
    if (op === "prefer_account") asked.then(() => this.#onOwn("event", { ev: "account.preferences", ...fields }), () => {});
    return asked;
  }

  /** A tab that is ahead must not make the others miss what they have not been sent; they know what they have. */
  #forAll(rooms) {
    const wanted = {};
    for (const [room, seq] of Object.entries(rooms)) {
      const known = this.#positions.get(room);
      wanted[room] = known === undefined || seq === null ? seq : Math.min(known, seq);
      if (known === undefined && seq !== null) this.#positions.set(room, seq);
    }
    return wanted;
  }

  #watchedByAll(tab, { room, users }) {
    const byTab = this.#watched.get(room) ?? new Map();
    this.#watched.set(room, byTab);
    byTab.delete(tab);
    byTab.set(tab, users);
    return [...new Set([...byTab.values()].reverse().flat())].slice(0, WATCHED); // the last to ask come first
  }

  /** @param {{id: number, ok?: any, error?: any}} answer */
  #answered({ id, ok, error }) {
    const asked = this.#asked.get(id);
    if (!asked) return;
    this.#asked.delete(id);
    clearTimeout(asked.suspicion);
    clearTimeout(asked.timer);
    if (error) asked.reject(error instanceof RequestError ? error : new RequestError(error));
    else asked.resolve(ok);
  }

  #loseAll() {
    for (const id of [...this.#asked.keys()]) this.#answered({ id, error: lost() });
  }
}
