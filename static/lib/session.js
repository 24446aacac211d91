/**
 * A signed-in user at work: keeps the rooms store true to the server over one connection, and is what
 * the elements call. No DOM.
 *
 * Fires "status" ({status, code}), "signed-out" ({reason}), "message" ({room, message}: new, from others),
 * "presence" ({users: {id: online}}), "note" ({room, text}: for me alone), "plugins" ({}: commands and
 * parts of the page may have come or gone).
 */

import { dataOf } from "./attached.js";
import { clientId } from "./ids.js";
import { Drafts } from "./drafts.js";
import { Outbox } from "./outbox.js";
import { Records } from "./records.js";
import { RequestError } from "./socket.js";
import { ALONE } from "./tabs.js";

const PAGE = 50;
const UNREAD_SHOWN = 25; // with more of them, a room opens where they begin
const ROOMS_PER_FRAME = 500; // keeps a sub frame far below the server's frame limit
const LISTED = 50; // members, or rooms to join, on a page of a list
const ROOMS_ASKED = 20; // for people to invite
const WATCHED = 200; // users whose presence the server tells to one connection
const TYPING_EVERY_MS = 3_000;
const READ_EVERY_MS = 500;
const RESUME_AGAIN_MS = 2_000;
const LOOK_EVERY_MS = 5_000;
const AUTH_CLOSES = new Set([4401, 4451]);

export class Session extends EventTarget {
  status = "idle";
  outbox;
  drafts;
  #tabs;
  #records;
  #api;
  #connection;
  #store;
  #epoch = null;
  #repairing = new Set();
  #loading = new Map(); // by room and kind of page
  #wanted = new Map(); // by room, the last page that is to replace what is here
  #typed = new Map();
  #reading = new Map();
  #failures = 0;
  #lookedAt = 0;
  /** @type {{room: string, users: string[]} | null} */
  #watched = null;
  #knows = "start"; // whose the connection is: "start" (who signed in a moment ago), "yes", "no"
  /** @type {{room: string, text: string, client_id: string} | null} */
  #called = null; // the command whose answer is awaited, or was lost

  /**
   * `tabs` as lib/tabs.js has them; `records` are what the browser keeps (lib/records.js). `upload(attachment)` resolves
   * with the value of a file that waited.
   */
  constructor({ api, connection, store, records = new Records(), tabs = ALONE, upload }) {
    super();
    this.#api = api;
    this.#connection = connection;
    this.#store = store;
    this.#records = records;
    this.#tabs = tabs;
    const headOf = (room) => store.room(room)?.lastSeq ?? null;
    const isSeen = (room, seq) => seq <= (store.room(room)?.lastSeq ?? 0);
    const isMine = ({ author, client_id: id }, clientId) => id === clientId && author.id === store.me?.id;
    const postedAs = (room, clientId) => store.room(room)?.messages.find((message) => isMine(message, clientId))?.id ?? null;
    this.outbox = new Outbox({ send: (entry) => this.#post(entry), upload, records, tabs, isSeen, postedAs, headOf });
    this.outbox.addEventListener("change", ({ detail }) => this.#placeRefused(detail.room));
    this.drafts = new Drafts({ records, tabs });
    this.outbox.addEventListener("stored", ({ detail }) => this.drafts.keepAgain(detail.room));
    connection.addEventListener("status", ({ detail }) => this.#onStatus(detail));
    connection.addEventListener("hello", ({ detail }) => void this.#onHello(detail));
    connection.addEventListener("event", ({ detail }) => this.#onEvent(detail));
    connection.addEventListener("system", ({ detail }) => this.#onSystem(detail));
  }

  /**
   * `kept` is what `Kept.read` returned: shown until the server has said what is there now.
   * @param {any} me
   * @param {any} kept
   */
  start(me, kept = null) {
    if (this.#store.me) this.#connection.stop(); // somebody else's
    this.#store.reset(me);
    this.#epoch = kept?.epoch ?? null;
    if (kept) this.#store.restore(kept);
    this.#knows = kept ? "no" : "start";
    this.#tabs.join(me.id);
    void this.outbox.open(me.id);
    void this.drafts.open(me.id);
    this.#connection.start();
  }

  /** Of the log from which the messages in the store are; null before the server has told it. */
  get epoch() {
    return this.#epoch;
  }

  /** The server does not know the session any more. */
  expire() {
    this.#end("expired");
  }

  /** Nothing that the user wrote stays in this browser. */
  async signOut() {
    const user = this.#store.me?.id;
    const redirect = await this.#api.logout().catch(() => "");
    this.#end("asked", redirect);
    if (user) await this.#records.clear(user);
  }

  /** `redirect` is where the browser signs out elsewhere; the session here has ended. */
  #end(reason, redirect = "") {
    this.#connection.stop();
    this.outbox.close();
    this.drafts.close();
    this.#tabs.leave();
    this.#store.reset();
    this.#epoch = null;
    this.#fire("signed-out", { reason, redirect });
  }

  // -- what the elements ask for

  /** The user has another name, or another role. */
  renamed(me) {
    this.#store.renamed(me);
  }

  /** Makes sure that the page to begin with is here: where one wants to go, was, or stopped reading; else the newest. */
  async open(id) {
    const room = this.#store.room(id);
    if (room) room.opened = true;
    if (!room?.joined || (room.loaded && !isUnreadMissing(room))) return;
    const unread = room.unread > UNREAD_SHOWN || (room.loaded && isUnreadMissing(room)) ? room.read : null;
    const around = room.wanted ?? room.place?.seq ?? unread;
    if (around === null) await this.loadNewest(id);
    else await this.loadAround(id, around);
  }

  /** The messages around a seq take the place of those that are here. */
  loadAround(id, seq) {
    return this.#loadAnew(id, { around: seq });
  }

  loadNewest(id) {
    return this.#loadAnew(id, {});
  }

  async loadOlder(id) {
    const room = this.#store.room(id);
    if (room?.loaded && room.moreBefore && room.messages.length) await this.#load(id, { before: room.messages[0].seq });
  }

  async loadNewer(id) {
    const room = this.#store.room(id);
    if (room?.loaded && room.moreAfter) await this.#load(id, { after: room.next });
  }

  /** Public rooms that others make are not told to those who are not in them; looking brings them. */
  lookForRooms(now = Date.now()) {
    if (now - this.#lookedAt < LOOK_EVERY_MS) return;
    this.#lookedAt = now;
    this.refreshRooms().catch(() => {});
  }

  /** `reply` is the message that this one answers, with its `id`, or the `client_id` of one on its way. */
  send(room, body, reply, attached) {
    this.#typed.delete(room);
    const answered = reply && !reply.id && this.#store.room(room)?.messages.find(({ client_id }) => client_id === reply.client_id);
    return this.outbox.add(room, body, answered || reply, attached, this.drafts.sent(room));
  }

  typing(room, now = Date.now()) {
    if (now - (this.#typed.get(room) ?? 0) < TYPING_EVERY_MS) return;
    this.#typed.set(room, now);
    this.#connection.notify("typing", { room });
  }

  /** Tells the server at once, and then at most twice a second how far it has come meanwhile. */
  markRead(id) {
    const seq = this.#store.markRead(id);
    if (seq === null) return;
    if (this.#reading.has(id)) this.#reading.set(id, seq);
    else this.#tellRead(id, seq);
  }

  #tellRead(id, seq) {
    this.#connection.request("read", { room: id, seq }).catch(() => {});
    this.#reading.set(id, null);
    setTimeout(() => {
      const later = this.#reading.get(id);
      this.#reading.delete(id);
      if (later !== null) this.#tellRead(id, later);
    }, READ_EVERY_MS);
  }

  /** Resolves with the new room's id, once it is in the store. */
  async create(wanted) {
    const { id } = await this.#connection.request("create", wanted);
    await this.refreshRooms();
    return id;
  }

  /** The room with one other user; there is only ever one. */
  direct(user) {
    return this.create({ kind: "direct", members: [user] });
  }

  async directByName(username) {
    return this.direct((await this.#api.user(username)).id);
  }

  async inviteByName(room, username) {
    await this.invite(room, (await this.#api.user(username)).id);
  }

  /** `[{id, name, username, role}, …]`, at most a thousand. */
  async members(room) {
    return (await this.#connection.request("members", { room })).members;
  }

  /** A page of them, `{members, more, after}`. */
  memberPage(room, after) {
    return this.#connection.request("members", { room, after });
  }

  /** Gives a member another role in the room. */
  async appoint(room, user, role) {
    await this.#connection.request("role", { room, user, role });
  }

  async removeMember(room, user) {
    await this.#connection.request("kick", { room, user });
  }

  /** A page of members with a text in their names, of all if it is empty: `{items, after}`; the last has no `after`. */
  async findMembers(room, text, after = "") {
    const { members, after: next } = await this.#connection.request("members", { room, text, after, limit: LISTED });
    return { items: members, after: next };
  }

  /** A page of public rooms to join with a text in their name or topic: `{items, after}`; the last has no `after`. */
  async findRooms(text, after = "") {
    // A blank is looked for in no name: all are found.
    const { rooms, after: next } = await this.#connection.request("rooms", { text: text || " ", after, limit: LISTED });
    return { items: rooms, after: next };
  }

  /** From now on "presence" tells who of these members is online, as far as the server tells it of so many. */
  async watchPresence(room, users) {
    const wanted = { room, users: users.slice(0, WATCHED) };
    this.#watched = users.length ? wanted : null;
    await this.#askPresence(wanted);
  }

  async #askPresence(wanted) {
    const { users } = await this.#connection.request("presence", wanted);
    this.#fire("presence", { users });
  }

  /** People of my other rooms who are not in this one. */
  async acquaintances(room) {
    const others = this.#store.joined().filter(({ id }) => id !== room).slice(0, ROOMS_ASKED);
    const [here, ...elsewhere] = await Promise.all([room, ...others.map(({ id }) => id)].map((id) => this.members(id)));
    const known = new Map(elsewhere.flat().map((member) => [member.id, member]));
    for (const { id } of here) known.delete(id);
    return [...known.values()];
  }

  /** Changes `name`, `topic`, or both. */
  async change(room, fields) {
    await this.#connection.request("change", { room, ...fields });
  }

  async invite(room, user) {
    await this.#connection.request("invite", { room, user });
  }

  async join(room) {
    await this.#connection.request("join", { room });
    await this.refreshRooms();
    await this.open(room);
  }

  async leave(room) {
    await this.#connection.request("leave", { room });
    this.#store.forgetMessages(room);
    await this.refreshRooms();
  }

  /** Messages of the rooms I am in, newest first: `{messages, cursor, partial}`; `before` is the cursor of the page before. */
  search(text, before = null) {
    return this.#connection.request("search", { text, before });
  }

  /** The commands that I may run in a room: `[{name, usage, about, who}, …]`. */
  async commands(room) {
    return (await this.#connection.request("commands", { room })).commands;
  }

  /** Suggestions for a command that is being typed: `[{text, label, about}, …]`. */
  async complete(room, text) {
    return (await this.#connection.request("complete", { room, text })).suggestions;
  }

  /** Runs `/name arguments`; a note for me goes into the store. Run again after a lost connection, it is the same call. */
  async runCommand(room, text) {
    const before = this.#called;
    const again = before?.room === room && before?.text === text;
    const call = again ? before : { room, text, client_id: clientId() };
    this.#called = call;
    try {
      const outcome = await this.#connection.request("command", call);
      if (outcome.text) this.#note(room, text, outcome.text);
    } catch (error) {
      if (error.code === "connection.lost") throw error;
      this.#called = null;
      throw error;
    }
    this.#called = null;
  }

  #note(room, command, text) {
    this.#store.addNote(room, { command, text });
    this.#fire("note", { room, text });
  }

  edit(room, message, body) {
    return this.#connection.request("edit", { room, message, body });
  }

  remove(room, message) {
    return this.#connection.request("delete", { room, message });
  }

  react(room, message, emoji, on) {
    return this.#connection.request(on ? "react" : "unreact", { room, message, emoji });
  }

  /** Uses a button, menu or form of a message; the plugin's answer is shown with the message. */
  async interact(room, message, part, values) {
    const { note } = await this.#connection.request("interact", { room, message, part, values });
    this.#store.setNote(room, message, note);
  }

  pin(room, message, on) {
    return this.#connection.request(on ? "pin" : "unpin", { room, message });
  }

  // -- keeping the store true

  /** Positions come before state: what happens after the snapshot's heads arrives by subscription. */
  async refreshRooms() {
    const rooms = await this.#allRooms();
    const before = new Set(this.#store.joined().map(({ id }) => id));
    this.#store.applySnapshot(rooms);
    const fresh = this.#store.joined().filter(({ id, lastSeq }) => !before.has(id) || lastSeq === null);
    const positions = this.#store.positions();
    await this.#subscribe(Object.fromEntries(fresh.map(({ id }) => [id, positions[id]])));
  }

  /** All rooms of the user, page by page; of public rooms to join only the first page. */
  async #allRooms() {
    const rooms = [];
    let after = null;
    do {
      const page = await this.#connection.request("rooms", after ? { after } : {});
      rooms.push(...page.rooms);
      after = page.after;
    } while (after && rooms.at(-1)?.joined !== false);
    return rooms;
  }

  async #onHello({ epoch }) {
    this.#failures = 0;
    this.#lookedAt = 0;
    this.#repairing.clear();
    try {
      await this.#resume(epoch);
    } catch (error) {
      if (error.code === "connection.lost") return;
      if (error.retry === "later") setTimeout(() => this.#resumeAgain(epoch), error.afterMs || RESUME_AGAIN_MS);
      else await this.#checkSignedIn();
    }
  }

  #resumeAgain(epoch) {
    if (this.#connection.status === "open") void this.#onHello({ epoch });
  }

  /** Somebody else may have signed in in another tab, and the cookie be theirs: nothing is sent in their name. */
  async #isMine() {
    if (this.#knows === "no") {
      const me = await this.#api.me().catch(() => undefined);
      if (me === undefined) throw new RequestError({ code: "auth.unavailable", message: "", retry: "later" });
      if (me?.id !== this.#store.me?.id) return false;
    }
    this.#knows = "yes";
    return true;
  }

  async #resume(epoch) {
    if (!(await this.#isMine())) {
      if (this.#store.me) this.#end("expired");
      return;
    }
    const rooms = await this.#allRooms();
    // Another epoch is another log: the same seq would name another event there.
    const changed = this.#epoch !== null && this.#epoch !== epoch;
    const stale = changed ? this.#store.joined().filter(({ loaded }) => loaded) : [];
    for (const { id } of stale) this.#store.forgetMessages(id);
    this.#epoch = epoch;
    this.#store.applySnapshot(rooms);
    // A page loaded anew is as good as what was kept, and costs less than all that came since.
    const behind = this.#store.restored().filter(({ head, lastSeq }) => head - lastSeq > PAGE);
    for (const { id } of behind) this.#store.forgetMessages(id);
    await this.#subscribe(this.#store.positions());
    await Promise.all([...stale, ...behind].filter(({ opened }) => opened).map(({ id }) => this.open(id)));
    if (changed) for (const { id } of this.#store.joined()) this.#fire("missed", { room: id });
    if (this.#watched) this.#askPresence(this.#watched).catch(() => {});
    for (const { id } of this.#store.joined()) this.#placeRefused(id);
    this.#fire("ready", {});
    this.outbox.flush();
  }

  async #subscribe(positions) {
    const all = Object.entries(positions);
    for (let start = 0; start < all.length; start += ROOMS_PER_FRAME) {
      const rooms = Object.fromEntries(all.slice(start, start + ROOMS_PER_FRAME));
      // Set before asking: replayed events follow the answer in the same breath.
      for (const [id, seq] of Object.entries(rooms)) this.#store.subscribed(id, seq);
      const answer = await this.#connection.request("sub", { rooms, epoch: this.#epoch });
      const gaps = Object.entries(answer.rooms).filter(([, { state }]) => state === "gap");
      await Promise.all(gaps.map(([id]) => this.#reload(id)));
    }
  }

  /** After a gap: a fresh page, and events from its head on. */
  async #reload(id) {
    const around = this.#store.room(id)?.held ?? undefined;
    const page = await this.#connection.request("history", { room: id, limit: PAGE, around });
    this.#store.forgetMessages(id);
    this.#store.subscribed(id, page.head);
    this.#applyPage(id, page, {});
    await this.#connection.request("sub", { rooms: { [id]: page.head }, epoch: this.#epoch });
    this.#fire("missed", { room: id });
  }

  /** One page in each direction at a time. */
  #load(id, place) {
    const key = `${id} ${JSON.stringify(place)}`;
    if (!this.#loading.has(key)) {
      const done = this.#connection
        .request("history", { room: id, limit: PAGE, ...place })
        .then((page) => this.#applyPage(id, page, place))
        .finally(() => this.#loading.delete(key));
      this.#loading.set(key, done);
    }
    return this.#loading.get(key);
  }

  /** Only the last one that was asked for is shown. */
  #loadAnew(id, place) {
    const key = `${id} anew ${JSON.stringify(place)}`;
    this.#wanted.set(id, key);
    if (!this.#loading.has(key)) {
      const done = this.#connection
        .request("history", { room: id, limit: PAGE, ...place })
        .then((page) => this.#wanted.get(id) === key && this.#applyPage(id, page, {}))
        .finally(() => this.#loading.delete(key));
      this.#loading.set(key, done);
    }
    return this.#loading.get(key);
  }

  #placeRefused(id) {
    this.#store.placeRefused(id, this.outbox.in(id));
  }

  #applyPage(id, page, place) {
    const moreBefore = page.more_before ?? (page.more || page.messages.length >= PAGE);
    this.#store.applyPage(id, { ...page, more_before: moreBefore }, place);
    for (const message of page.messages) this.#confirm(message);
    this.outbox.seen(id, this.#store.room(id)?.lastSeq ?? 0);
  }

  #confirm({ author, client_id, id }) {
    if (author.id === this.#store.me?.id) this.outbox.confirmed(client_id, id);
  }

  async #post({ room, client_id, body, reply_to, attached }) {
    const fields = { room, client_id, body, reply_to, data: attached && dataOf(attached) }; // JSON leaves out what is undefined
    if (this.#knows === "no") throw new RequestError({ code: "connection.lost", message: "", retry: "later" });
    try {
      return await this.#connection.request("send", fields);
    } catch (error) {
      if (error.code === "auth.required") void this.#checkSignedIn();
      throw error;
    }
  }

  #onEvent(event) {
    if (event.ev === "room.added" || event.ev === "room.removed") {
      void this.refreshRooms().catch(() => {});
      return;
    }
    if (event.ev === "presence") {
      this.#fire("presence", { users: event.users });
      return;
    }
    if (event.ev === "plugins.changed") {
      this.#fire("plugins", {});
      return;
    }
    const outcome = this.#store.applyEvent(event);
    if (outcome !== "hole" && event.seq && event.ev !== "read") this.outbox.seen(event.room, event.seq);
    if (outcome === "hole") void this.#repair(event.room);
    if (outcome === "applied" && event.ev === "plugin.event") this.#fire("noted", { event });
    if (outcome !== "applied" || event.ev !== "message.posted") return;
    this.#confirm(event);
    if (event.author.id !== this.#store.me.id) this.#fire("message", { room: event.room, message: event });
  }

  /** Events were lost on the way: subscribing again from the last one seen brings them. */
  async #repair(id) {
    if (this.#repairing.has(id)) return;
    this.#repairing.add(id);
    try {
      await this.#subscribe({ [id]: this.#store.room(id).lastSeq });
    } catch {
      // A lost connection repairs itself on the next hello.
    } finally {
      this.#repairing.delete(id);
    }
  }

  #onSystem({ sys, room, rooms }) {
    if (sys !== "gap") return;
    for (const id of rooms ?? (room ? [room] : [])) void this.#reload(id).catch(() => {});
  }

  #onStatus({ status, code }) {
    this.status = status;
    if (status === "waiting" || status === "stopped" || (status === "connecting" && this.#knows === "yes")) this.#knows = "no";
    this.#fire("status", { status, code });
    if (status !== "waiting" && status !== "stopped") return;
    this.#failures += 1;
    // A browser does not tell why an upgrade was refused; a login that ended is one reason.
    if (AUTH_CLOSES.has(code) || this.#failures === 2) void this.#checkSignedIn();
  }

  async #checkSignedIn() {
    const me = await this.#api.me().catch(() => undefined);
    if (me === null && this.#store.me) this.#end("expired");
  }

  #fire(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** Whether reading stopped before the messages that are here begin. */
function isUnreadMissing({ unread, read, moreBefore, messages }) {
  return unread > 0 && moreBefore && messages.length > 0 && messages[0].seq > read;
}
