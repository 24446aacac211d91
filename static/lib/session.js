/**
 * A signed-in user at work, as the elements have it: who it is and until when, what is sent (lib/sending.js), what is
 * asked for (lib/requests.js, lib/history.js), and the server's events in the rooms store (lib/following.js). No DOM.
 *
 * Fires "status" ({status, code}), "ready" ({}: the store is up to date), "signed-out" ({reason, redirect}), "message"
 * ({room, message}: new, from others whom one does not block), "noted" ({event}: a plugin's), "missed" ({room}: events
 * of it were lost), "heard" ({notice}: a plugin's), "banned" ({room, name, ban}: the reader), "deleted" ({room, name}: for
 * everybody), "removed" ({room, name}: the reader, by others), "plugins" ({}: commands and parts of the page may have
 * come or gone), and what Requests fires.
 */

import { Blocks } from "./blocks.js";
import { Following } from "./following.js";
import { RoomHistory } from "./history.js";
import { LateStatuses } from "./late-statuses.js";
import { Preferences } from "./preferences.js";
import { Records } from "./records.js";
import { Requests } from "./requests.js";
import { Sending } from "./sending.js";
import { RequestError } from "./socket.js";
import { ALONE } from "./tabs.js";
import { Threads } from "./threads.js";

const AUTH_CLOSES = new Set([4401, 4451, 4452]);

export class Session extends Requests {
  status = "idle";
  isReady = false; // the store is up to date, as long as the connection lasts
  preferences;
  statuses;
  blocks;
  threads;
  #tabs;
  #records;
  #api;
  #connection;
  #store;
  #sending;
  #history;
  #following;
  #failures = 0;
  #turn = 0; // how often a session began
  #isLeaving = false; // signing out, which the server has not answered
  #knows = "start"; // whose the connection is: "start" (who signed in a moment ago), "yes", "no"

  /**
   * `tabs` as lib/tabs.js has them; `records` are what the browser keeps (lib/records.js). `upload(attachment)` resolves
   * with the value of a file that waited. `account` has what the user prefers of the page, `storage` is localStorage.
   */
  constructor({ api, connection, store, records = new Records(), tabs = ALONE, upload, account = undefined, storage = null }) {
    super({ api, connection, store, refresh: () => this.refreshRooms(), open: (room) => this.open(room) });
    this.#api = api;
    this.#connection = connection;
    this.#store = store;
    this.#records = records;
    this.#tabs = tabs;
    const onRefused = () => void this.#checkSignedIn();
    this.threads = new Threads({ ask: (room, ids) => this.threadsOf(room, ids), store, storage });
    this.#sending = new Sending({ connection, store, threads: this.threads, records, tabs, upload, isMine: () => this.#knows !== "no", onSignedOut: onRefused });
    this.preferences = new Preferences({ connection, store, account });
    this.statuses = new LateStatuses({ connection, store });
    this.blocks = new Blocks({ connection, store, refresh: () => this.refreshRooms() });
    this.#history = new RoomHistory({ connection, store, onPage: (room, messages) => this.#onPage(room, messages) });
    connection.addEventListener("status", ({ detail }) => this.#onStatus(detail));
    connection.addEventListener("hello", () => (this.#failures = 0));
    this.#following = new Following({
      connection,
      store,
      history: this.#history,
      sending: this.#sending,
      preferences: this.preferences,
      statuses: this.statuses,
      blocks: this.blocks,
      isMine: () => this.#isMine(),
      onRefused,
      onReady: () => this.#onReady(),
      fire: (type, detail) => this.#fire(type, detail),
    });
  }

  get outbox() {
    return this.#sending.outbox;
  }

  get drafts() {
    return this.#sending.drafts;
  }

  /** Of the log from which the messages in the store are; null before the server has told it. */
  get epoch() {
    return this.#following.epoch;
  }

  /**
   * `kept` is what `Kept.read` returned: shown until the server has said what is there now.
   * @param {any} me
   * @param {any} kept
   */
  start(me, kept = null) {
    if (this.#store.me) this.#connection.stop(); // somebody else's
    this.#turn += 1;
    this.#store.reset(me);
    this.preferences.reset();
    this.preferences.account.start(me.id);
    this.statuses.reset();
    this.blocks.reset();
    this.threads.start(me.id);
    this.#following.epoch = kept?.epoch ?? null;
    if (kept) this.#store.restore(kept);
    this.#knows = kept ? "no" : "start";
    this.#tabs.join(me.id);
    this.#sending.start(me.id);
    this.#connection.start();
  }

  /** The server does not know the session any more. */
  expire() {
    if (!this.#isLeaving) this.#end("expired");
  }

  /** Nothing that the user wrote, or prefers, stays in this browser. */
  async signOut() {
    const user = this.#store.me?.id;
    await this.preferences.account.flushSoon();
    this.#isLeaving = true; // the connection may be closed before the answer is here
    const redirect = await this.#api.logout().catch(() => "");
    this.#end("asked", redirect);
    if (user) await this.#records.clear(user);
  }

  /** The user has another name, or another role. */
  renamed(me) {
    this.#store.renamed(me);
  }

  /** As `RoomHistory.open`; what was kept or left there may have threads that are not known yet. */
  async open(room) {
    await this.#history.open(room);
    this.threads.refresh(room);
  }

  loadAround(room, seq) {
    return this.#history.loadAround(room, seq);
  }

  loadNewest(room) {
    return this.#history.loadNewest(room);
  }

  loadOlder(room) {
    return this.#history.loadOlder(room);
  }

  loadNewer(room) {
    return this.#history.loadNewer(room);
  }

  /** As `Following.lookForRooms`. */
  lookForRooms() {
    this.#following.lookForRooms();
  }

  /** As `Following.showListed`. */
  showListed(asking) {
    return this.#following.showListed(asking);
  }

  refreshRooms() {
    return this.#following.refreshRooms();
  }

  /** As `Sending.send`. */
  send(room, body, reply, attached, place = {}) {
    return this.#sending.send(room, body, reply, attached, place);
  }

  /** As `Sending.forward`. */
  forward(room, body) {
    this.#sending.forward(room, body);
  }

  /** Messages of the room are here: those of them that were on their way have arrived. */
  arrived(room, messages) {
    this.#sending.onPage(room, messages);
  }

  typing(room, now = Date.now()) {
    this.#sending.typing(room, now);
  }

  /** `redirect` is where the browser signs out elsewhere; the session here has ended. */
  #end(reason, redirect = "") {
    this.#isLeaving = false;
    this.#connection.stop();
    this.#sending.stop();
    this.#tabs.leave();
    this.#store.reset();
    this.preferences.reset();
    this.preferences.account.end({ isAsked: reason === "asked" });
    this.statuses.reset();
    this.blocks.reset();
    this.threads.reset({ isAsked: reason === "asked" });
    this.#following.epoch = null;
    this.#fire("signed-out", { reason, redirect });
  }

  /** Somebody else may have signed in in another tab, and the cookie be theirs: nothing is sent in their name. */
  async #isMine() {
    if (this.#knows === "no") {
      const me = await this.#whoseCookie();
      if (me === undefined) throw new RequestError({ code: "auth.unavailable", message: "", retry: "later" });
      if (me?.id !== this.#store.me?.id) {
        if (this.#store.me) this.expire();
        return false;
      }
    }
    this.#knows = "yes";
    return true;
  }

  #onPage(room, messages) {
    this.arrived(room, messages);
    this.threads.refresh(room);
  }

  #onReady() {
    for (const { id } of this.#store.joined()) this.#sending.placeRefused(id);
    this.statuses.refresh();
    this.threads.refreshAll();
    this.isReady = true;
    this.#fire("ready", {});
    this.outbox.flush();
  }

  #onStatus({ status, code }) {
    this.status = status;
    this.isReady &&= status === "open";
    if (status === "waiting" || status === "stopped" || (status === "connecting" && this.#knows === "yes")) this.#knows = "no";
    this.#fire("status", { status, code });
    if (status !== "waiting" && status !== "stopped") return;
    this.#failures += 1;
    // A browser does not tell why an upgrade was refused; a login that ended is one reason.
    if (AUTH_CLOSES.has(code) || this.#failures === 2) void this.#checkSignedIn();
  }

  async #checkSignedIn() {
    if ((await this.#whoseCookie()) === null && this.#store.me) this.expire();
  }

  /** Who is signed in; null for nobody, undefined if nothing is known, as when the answer is of an earlier session. */
  async #whoseCookie() {
    const turn = this.#turn;
    const me = await this.#api.me().catch(() => undefined);
    return turn === this.#turn ? me : undefined;
  }

  #fire(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
