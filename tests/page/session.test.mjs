import assert from "node:assert/strict";
import { test } from "node:test";
import { RoomsStore } from "../../static/lib/rooms-store.js";
import { Session } from "../../static/lib/session.js";
import { Database } from "../../static/lib/database.js";
import { Records } from "../../static/lib/records.js";
import { RequestError } from "../../static/lib/socket.js";
import { FakeIndexedDB, settled } from "./browser-fakes.mjs";

const ME = { id: "me", username: "aya" };
const BEN = { id: "ben", name: "Ben" };
const posted = (seq, more = {}) => ({ ev: "message.posted", room: "r", seq, id: `r-${seq}`, author: BEN, body: `text ${seq}`, client_id: `c${seq}`, at: "2026-01-01T00:00:00.000Z", ...more });
const stored = (seq) => ({ ...posted(seq), reactions: {} });

/** Answers each operation from a table of functions and keeps what was asked. */
class FakeConnection extends EventTarget {
  asked = [];
  answers = {};

  start() {}
  stop() {}

  async request(op, fields = {}) {
    this.asked.push({ op, ...fields });
    const answer = this.answers[op]?.(fields) ?? {};
    if (answer instanceof Error) throw answer;
    return answer;
  }

  notify(op, fields) {
    this.asked.push({ op, ...fields });
  }

  says(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  of(op) {
    return this.asked.filter((each) => each.op === op);
  }
}

async function opened({ head = 10, factory = new FakeIndexedDB() } = {}) {
  const connection = new FakeConnection();
  const log = { head, epoch: "e1", state: "live" };
  connection.answers = {
    rooms: () => ({ rooms: [{ id: "r", name: "Room", kind: "public", head: log.head, read: log.head, unread: 0, mentions: 0 }] }),
    sub: ({ rooms }) => ({ rooms: Object.fromEntries(Object.keys(rooms).map((id) => [id, { state: log.state, head: log.head }])) }),
    history: () => ({ messages: [stored(log.head - 1), stored(log.head)], head: log.head }),
    threads: () => ({ threads: {} }),
  };
  const store = new RoomsStore();
  const records = new Records({ database: new Database({ factory }) });
  const session = new Session({ api: { me: async () => ME, logout: async () => {} }, connection, store, records });
  session.start(ME);
  connection.says("hello", { epoch: log.epoch });
  await settled();
  await session.open("r");
  return { connection, store, session, log, factory };
}

test("subscribes from the heads of the snapshot", async () => {
  const { connection } = await opened();
  assert.deepEqual(connection.of("sub")[0], { op: "sub", rooms: { r: 10 }, epoch: "e1" });
});

test("rooms that came with the page are shown until the connection says what there is", async () => {
  const listed = { rooms: [{ id: "early", name: "Early", kind: "public", head: 3 }] };
  const fresh = () => {
    const connection = new FakeConnection();
    connection.answers.rooms = () => ({ rooms: [{ id: "r", name: "Room", kind: "public", head: 10 }] });
    const store = new RoomsStore();
    const session = new Session({ api: { me: async () => ME }, connection, store, records: new Records({}) });
    session.start(ME);
    return { connection, store, session, names: () => [...store.rooms.keys()] };
  };
  const one = fresh();
  await one.session.showListed(Promise.resolve(listed));
  assert.deepEqual(one.names(), ["early"]);
  assert.equal(one.store.isKnown, true);
  one.connection.says("hello", { epoch: "e1" });
  await settled();
  assert.deepEqual(one.names(), ["r"]);
  assert.deepEqual(one.connection.of("sub")[0].rooms, { r: 10 });
  await one.session.showListed(listed); // too late
  assert.deepEqual(one.names(), ["r"]);

  const two = fresh();
  await two.session.showListed({ ...listed, after: "joined:early" }); // there are more
  assert.deepEqual([two.names(), two.store.isKnown], [[], false]);
  await two.session.showListed({ rooms: [...listed.rooms, { id: "p", joined: false }], after: "public:p" });
  assert.deepEqual(two.names(), ["early", "p"]);

  const kept = fresh();
  kept.session.start(ME, { epoch: "e0", rooms: [{ id: "kept", name: "Kept" }], pages: new Map() });
  await kept.session.showListed(listed); // may be of another epoch
  assert.deepEqual(kept.names(), ["kept"]);

  const three = fresh();
  const asking = three.session.showListed(new Promise((resolve) => setTimeout(resolve, 1, listed)));
  three.session.start({ id: "ben", username: "ben" });
  await asking;
  assert.deepEqual(three.names(), []);
  await assert.rejects(three.session.showListed({ rooms: [{ id: 1 }] }), TypeError);
});

test("what is forwarded to a room leaves its draft as it is", async () => {
  const { connection, session, log } = await opened();
  connection.answers.send = () => ({ id: `r-${++log.head}`, seq: log.head });
  session.drafts.change("r", { text: "still being written" });
  session.forward("r", "> **Ben**");
  await settled();
  assert.deepEqual(connection.of("send").map(({ room, body }) => [room, body]), [["r", "> **Ben**"]]);
  assert.equal(session.drafts.of("r").text, "still being written");
});

test("a reply in a thread is sent with it, and what answers it there, too; its draft is that of the thread", async () => {
  const { connection, session, log } = await opened();
  const place = { thread: "r-9", broadcast: true };
  connection.answers.send = () => ({ id: `r-${++log.head}`, seq: log.head });
  session.drafts.change("r-9", { text: "there" });
  session.drafts.change("r", { text: "still being written" });
  const { client_id } = session.send("r", "there", null, [], place);
  await settled();
  assert.deepEqual([session.drafts.of("r-9").text, session.drafts.of("r").text], ["", "still being written"]);
  connection.says("event", posted(11, { author: { id: "me", name: "Aya" }, client_id, thread: "r-9" }));
  assert.equal(session.outbox.unsent, 0);
  assert.deepEqual(session.outbox.in("r"), []);
  session.send("r", "and more", { client_id }, [], { thread: "r-9" });
  await settled();
  const sent = connection.of("send").map(({ body, thread, broadcast, reply_to }) => [body, thread, broadcast, reply_to]);
  assert.deepEqual(sent, [["there", "r-9", true, undefined], ["and more", "r-9", undefined, "r-11"]]);
});

test("threads of what is here are asked about with each page, and again if that failed; a sign-out forgets them", async () => {
  const { connection, session, log } = await opened();
  const asked = () => connection.of("threads").map(({ messages }) => messages.join(" "));
  assert.deepEqual(asked(), ["r-9 r-10"]);
  connection.says("hello", { epoch: log.epoch });
  await settled();
  assert.deepEqual(asked(), ["r-9 r-10"]);
  connection.answers.threads = () => new RequestError({ code: "connection.lost", message: "", retry: "later" });
  Object.assign(log, { head: 20, state: "gap" });
  connection.says("hello", { epoch: log.epoch });
  await settled();
  connection.answers.threads = () => ({ threads: { "r-19": { count: 1, seq: 20, at: "2026-01-01T00:00:00.000Z", authors: [BEN] }, "r-20": { count: "many" } } });
  log.state = "live";
  connection.says("hello", { epoch: log.epoch });
  await settled();
  assert.equal(asked().at(-1), "r-19 r-20");
  assert.deepEqual([session.threads.of("r", "r-19").count, session.threads.of("r", "r-20")], [1, null]);
  await session.signOut();
  assert.equal(session.threads.of("r", "r-19"), null);
});

test("asks for what is preferred with the rooms, not after them, and follows its events", async () => {
  const { connection, store } = await opened();
  const [first, second] = connection.asked.map(({ op }) => op);
  assert.deepEqual([first, second], ["preferences", "rooms"]);
  connection.says("event", { ev: "preferences", room: "r", preferences: { muted: true } });
  assert.equal(store.room("r").prefers.muted, true);
  const never = new Promise(() => {});
  connection.answers.preferences = () => never;
  connection.answers.rooms = () => ({ rooms: [{ id: "new", name: "New", head: 1 }] });
  connection.says("hello", { epoch: "e1" });
  await settled();
  assert.deepEqual([...store.rooms.keys()], ["new"]); // not held back by preferences that are late
});

test("follows what is preferred of the page elsewhere, and says what was chosen here before signing out", async () => {
  const { connection, session } = await opened();
  const { account } = session.preferences;
  connection.says("event", { ev: "account.preferences", values: { "page.theme": "dark" } });
  assert.equal(account.get("theme"), "dark");
  account.set({ theme: "light" });
  await session.signOut();
  assert.deepEqual(connection.of("prefer_account"), [{ op: "prefer_account", values: { "page.theme": "light" } }]);
  assert.equal(account.get("theme"), undefined);
});

test("knows whom one blocks before messages are there, follows it, and tells of no message of theirs", async () => {
  const { connection, store, session } = await opened();
  const told = [];
  session.addEventListener("message", ({ detail }) => told.push(detail.message.seq));
  connection.says("event", posted(11));
  connection.says("event", { ev: "blocked", user: "ben", blocked: true });
  connection.says("event", posted(12));
  assert.deepEqual([told, store.room("r").unread], [[11], 1]);
  let answer;
  connection.answers.blocks = () => new Promise((resolve) => (answer = resolve));
  connection.answers.rooms = () => ({ rooms: [{ id: "new", name: "New", head: 1 }] });
  connection.says("hello", { epoch: "e1" });
  await settled();
  assert.deepEqual([...store.rooms.keys()], ["r"]);
  answer({ users: [{ id: "eve" }] });
  await settled();
  assert.deepEqual([[...store.rooms.keys()], [...store.blocked]], [["new"], ["eve"]]);
  session.expire();
  assert.equal(store.blocked.size, 0);
});

test("what was counted of another log does not count, in a room that was never opened too", async () => {
  const { connection, store } = await opened();
  const rooms = (head, unread) => ({ rooms: [{ id: "s", name: "S", kind: "public", head, read: 0, unread, mentions: 0 }] });
  connection.answers.rooms = () => rooms(10, 10);
  connection.says("hello", { epoch: "e1" });
  await settled();
  connection.says("event", posted(11, { room: "s" }));
  assert.equal(store.room("s").unread, 11);
  connection.answers.rooms = () => rooms(3, 3);
  connection.says("hello", { epoch: "e2" });
  await settled();
  assert.equal(store.room("s").unread, 3);
});

test("what is blocked by oneself counts, and numbers are asked for again", async (context) => {
  const { connection, store, session } = await opened();
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const before = connection.of("rooms").length;
  await session.blocks.add("ben");
  assert.ok(store.blocked.has("ben"));
  context.mock.timers.tick(1_000);
  assert.equal(connection.of("rooms").length, before + 1);
  for (const ended of [() => session.expire(), () => session.start({ id: "other" })]) {
    session.start(ME);
    await session.blocks.add("eve");
    ended();
    context.mock.timers.tick(1_000);
    assert.equal(connection.of("rooms").length, before + 1);
  }
});

test("takes all pages of the rooms that the user is in", async () => {
  const { connection, store, session } = await opened();
  const room = (id, more = {}) => ({ id, name: id, kind: "public", head: 1, ...more });
  const pages = {
    first: { rooms: [room("a"), room("b")], more: true, after: "second" },
    second: { rooms: [room("c"), room("d", { joined: false })], more: true, after: "third" },
  };
  connection.answers.rooms = ({ after = "first" }) => pages[after];
  await session.refreshRooms();
  assert.deepEqual(store.joined().map(({ id }) => id).sort(), ["a", "b", "c"]);
  assert.deepEqual(connection.of("rooms").slice(-2), [{ op: "rooms" }, { op: "rooms", after: "second" }]);
});

test("resumes from the last event seen", async () => {
  const { connection, store, log } = await opened();
  connection.says("event", posted(11));
  log.head = 13;
  connection.says("hello", { epoch: "e1" });
  await settled();
  assert.deepEqual(connection.of("sub").at(-1).rooms, { r: 11 });
  connection.says("event", posted(12));
  connection.says("event", posted(13));
  assert.deepEqual(store.room("r").messages.map(({ seq }) => seq), [9, 10, 11, 12, 13]);
});

test("after a gap a fresh page replaces what is there, and events go on from its head", async () => {
  const { connection, store, log } = await opened();
  Object.assign(log, { head: 900, state: "gap" });
  connection.says("hello", { epoch: "e1" });
  await settled();
  assert.deepEqual(store.room("r").messages.map(({ seq }) => seq), [899, 900]);
  assert.deepEqual(connection.of("sub").at(-1).rooms, { r: 900 });
  connection.says("event", posted(901));
  assert.equal(store.room("r").messages.length, 3);
});

test("another epoch is another log: nothing of the old one stays", async () => {
  const { connection, store, log } = await opened();
  log.head = 4;
  connection.says("hello", { epoch: "e2" });
  await settled();
  assert.deepEqual(connection.of("sub").at(-1), { op: "sub", rooms: { r: 4 }, epoch: "e2" });
  assert.deepEqual(store.room("r").messages.map(({ seq }) => seq), [3, 4]);
});

test("a hole is closed by subscribing again, once", async () => {
  const { connection, store } = await opened();
  const before = connection.of("sub").length;
  connection.says("event", posted(12));
  connection.says("event", posted(13));
  await settled();
  assert.equal(connection.of("sub").length, before + 1);
  assert.deepEqual(connection.of("sub").at(-1).rooms, { r: 10 });
  for (const seq of [11, 12, 13]) connection.says("event", posted(seq));
  assert.equal(store.room("r").messages.length, 5);
});

test("my message leaves the outbox with its event, before or after the answer", async () => {
  const { connection, session } = await opened();
  connection.answers.send = ({ client_id }) => {
    connection.says("event", posted(11, { author: { id: "me", name: "Aya" }, client_id }));
    return { id: "r-11", seq: 11 };
  };
  session.send("r", "event first");
  await settled();
  assert.deepEqual(session.outbox.in("r"), []);

  connection.answers.send = () => ({ id: "r-12", seq: 12 });
  const { client_id } = session.send("r", "answer first");
  await settled();
  assert.equal(session.outbox.in("r")[0].state, "sent");
  connection.says("event", posted(12, { author: { id: "me", name: "Aya" }, client_id }));
  assert.deepEqual(session.outbox.in("r"), []);
});

test("what is attached goes with the message, also when it is sent again", async () => {
  const { connection, session } = await opened();
  connection.answers.send = () => new RequestError({ code: "connection.lost", message: "", retry: "later" });
  const attached = [1, 2].map((id) => ({ namespace: "files", value: { files: [id] }, label: `${id}` }));
  session.send("r", "look", undefined, attached);
  await settled();
  connection.answers.send = () => ({ id: "r-11", seq: 11 });
  connection.says("hello", { epoch: "e1" });
  await settled();
  for (const { data } of connection.of("send")) assert.deepEqual(data, { files: { files: [1, 2] } });
  session.send("r", "nothing");
  await settled();
  assert.equal(connection.of("send").at(-1).data, undefined);
});

test("what could not be sent goes out with the same client_id after the reconnect", async () => {
  const { connection, session } = await opened();
  connection.answers.send = () => new RequestError({ code: "connection.lost", message: "", retry: "later" });
  session.send("r", "while away");
  await settled();
  connection.answers.send = () => ({ id: "r-11", seq: 11, dup: true });
  connection.says("hello", { epoch: "e1" });
  await settled();
  const [first, second] = connection.of("send");
  assert.equal(first.client_id, second.client_id);
});

test("a server that cannot resume yet is asked again", async (context) => {
  const { connection, log } = await opened();
  const { rooms } = connection.answers;
  connection.status = "open";
  connection.answers.rooms = () => new RequestError({ code: "store.unavailable", message: "", retry: "later", after_ms: 1_000 });
  log.head = 12;
  context.mock.timers.enable({ apis: ["setTimeout"] });
  connection.says("hello", { epoch: "e1" });
  await settled();
  connection.answers.rooms = rooms;
  const before = connection.of("sub").length;
  context.mock.timers.tick(1_000);
  await settled();
  assert.equal(connection.of("sub").length, before + 1);
});

test("reading on and on is told at once and then at most twice a second", async (context) => {
  const { connection, session } = await opened();
  context.mock.timers.enable({ apis: ["setTimeout"] });
  for (const seq of [11, 12, 13]) {
    connection.says("event", posted(seq));
    session.markRead("r");
  }
  context.mock.timers.tick(500);
  assert.deepEqual(connection.of("read").map(({ seq }) => seq), [11, 13]);
});

test("what is read while the server says what is unread stays read, told by then or half a second later", async (context) => {
  const { connection, store, session } = await opened();
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const answer = (head, read) => ({ rooms: [{ id: "r", name: "Room", kind: "public", head, read, unread: head - read, mentions: 0 }] });
  for (const isFirst of [true, false]) {
    const seq = isFirst ? 11 : 12;
    connection.answers.rooms = () => {
      connection.says("event", posted(seq));
      session.markRead("r");
      return answer(seq, seq - 1);
    };
    if (isFirst) void session.refreshRooms();
    else connection.says("hello", { epoch: "e1" });
    await settled();
    assert.equal(store.room("r").unread, 0);
  }
  connection.answers.rooms = () => answer(12, 11); // 12 waits to be told
  connection.says("hello", { epoch: "e1" });
  await settled();
  assert.equal(store.room("r").unread, 1);
  context.mock.timers.tick(500);
  assert.equal(store.room("r").unread, 0);
  assert.deepEqual(connection.of("read").map(({ seq }) => seq), [11, 12]);
  connection.answers.rooms = () => {
    connection.says("event", posted(13));
    session.markRead("r");
    return answer(5, 3);
  };
  connection.says("hello", { epoch: "e2" }); // of another log
  await settled();
  assert.deepEqual([store.room("r").read, store.room("r").unread], [3, 2]);
});

test("typing is told at most every three seconds, and again after a message", async () => {
  const { connection, session } = await opened();
  session.typing("r", 10_000);
  session.typing("r", 12_000);
  session.typing("r", 13_000);
  assert.equal(connection.of("typing").length, 2);
  session.send("r", "done");
  session.typing("r", 13_500);
  assert.equal(connection.of("typing").length, 3);
});

test("a login that ended signs out", async () => {
  const { connection, session } = await opened();
  const ended = new Promise((resolve) => session.addEventListener("signed-out", ({ detail }) => resolve(detail.reason)));
  session.start(ME);
  const over = new Session({ api: { me: async () => null }, connection, store: new RoomsStore() });
  over.start(ME);
  const reason = new Promise((resolve) => over.addEventListener("signed-out", ({ detail }) => resolve(detail.reason)));
  connection.says("status", { status: "stopped", code: 4451 });
  assert.equal(await reason, "expired");
  await session.signOut();
  assert.equal(await ended, "asked");
});

test("a sign-out ends once, though the server closes the connection before it answers", async () => {
  const { connection, store } = await opened();
  const ends = [];
  let answer;
  const session = new Session({ api: { me: async () => null, logout: () => new Promise((resolve) => (answer = resolve)) }, connection, store });
  session.addEventListener("signed-out", ({ detail }) => ends.push(detail.reason));
  session.start(ME);
  const leaving = session.signOut();
  await settled();
  connection.says("status", { status: "stopped", code: 4401 });
  await settled();
  session.expire(); // as when the page asked who is signed in by itself
  assert.deepEqual(ends, []);
  answer("");
  await leaving;
  assert.deepEqual(ends, ["asked"]);
  session.start(ME);
  session.expire();
  assert.deepEqual(ends, ["asked", "expired"]);
});

for (const [how, leave] of [["signed out", (session) => session.signOut()], ["was followed by somebody else", async () => {}]])
  test(`what the server said of a session that ${how} does not end the next one`, async () => {
    const { connection, store } = await opened();
    let answer;
    const session = new Session({ api: { me: () => new Promise((resolve) => (answer = resolve)), logout: async () => "" }, connection, store });
    session.start(BEN);
    connection.says("status", { status: "stopped", code: 4401 });
    await leave(session);
    session.start(ME);
    answer(null);
    await settled();
    assert.equal(store.me?.id, "me");
  });

test("who is online is asked again after the connection was lost, until nobody wants to know", async () => {
  const { connection, session } = await opened();
  const told = [];
  session.addEventListener("presence", ({ detail }) => told.push(detail.users));
  connection.answers.presence = ({ users }) => ({ users: Object.fromEntries(users.map((id) => [id, true])) });
  await session.watchPresence("r", ["ben"]);
  connection.says("event", { ev: "presence", users: { ben: false } });
  connection.says("hello", { epoch: "e1" });
  await settled();
  assert.deepEqual(told, [{ ben: true }, { ben: false }, { ben: true }]);
  await session.watchPresence("r", []);
  connection.says("hello", { epoch: "e1" });
  await settled();
  assert.deepEqual(connection.of("presence").map(({ users }) => users), [["ben"], ["ben"], []]);
});

test("events of plugins are passed on once each, and so is that some are lost", async () => {
  const { connection, session, log } = await opened();
  const told = [];
  session.addEventListener("noted", ({ detail }) => told.push(detail.event.seq));
  session.addEventListener("missed", ({ detail }) => told.push(detail.room));
  const noted = (seq) => ({ ev: "plugin.event", type: "game.moved", room: "r", seq, author: BEN, at: "2026-01-01T00:00:00.000Z" });
  connection.says("event", noted(11));
  connection.says("event", noted(11));
  connection.says("event", posted(12));
  connection.says("event", noted(14)); // 13 is missing: both come by the repair
  connection.says("event", noted(13));
  connection.says("event", noted(14));
  assert.deepEqual(told, [11, 13, 14]);
  Object.assign(log, { head: 900, state: "gap" });
  connection.says("hello", { epoch: "e1" });
  await settled();
  assert.deepEqual(told.slice(3), ["r"]);
  Object.assign(log, { head: 5, epoch: "e2", state: "live" });
  connection.says("hello", { epoch: "e2" });
  await settled();
  assert.deepEqual(told.slice(4), ["r"]);
});

test("unsent messages and drafts outlast the session's end, and go at the sign-out", async () => {
  const { connection, session, factory } = await opened();
  connection.answers.send = () => new RequestError({ code: "connection.lost", message: "", retry: "later" });
  session.send("r", "unsent");
  session.drafts.change("r", { text: "half" });
  await settled();
  session.start({ id: "ben" });
  await settled();
  assert.deepEqual([session.outbox.unsent, session.drafts.of("r").text], [0, ""]);
  session.start(ME);
  await settled();
  assert.deepEqual(session.outbox.in("r").map(({ body }) => body), ["unsent"]);
  assert.equal(session.drafts.of("r").text, "half");
  await session.signOut();
  assert.deepEqual([...factory.data.values()].map(({ size }) => size), [0, 0, 0]);
});

test("a session that ends while a message is sent is noticed, and the message stays", async () => {
  const connection = new FakeConnection();
  connection.answers.send = () => new RequestError({ code: "auth.required", message: "", retry: "never" });
  const factory = new FakeIndexedDB();
  const records = new Records({ database: new Database({ factory }) });
  const session = new Session({ api: { me: async () => null }, connection, store: new RoomsStore(), records });
  const ended = new Promise((resolve) => session.addEventListener("signed-out", ({ detail }) => resolve(detail.reason)));
  session.start(ME);
  session.send("r", "unsent");
  assert.equal(await ended, "expired");
  assert.equal(factory.data.get("outbox").size, 1);
});

test("somebody else's message with my client_id confirms nothing", async () => {
  const { connection, session } = await opened();
  connection.answers.send = () => new RequestError({ code: "connection.lost", message: "", retry: "later" });
  const { client_id } = session.send("r", "mine");
  await settled();
  connection.says("event", posted(11, { client_id }));
  assert.equal(session.outbox.unsent, 1);
  connection.says("event", posted(12, { client_id, author: { id: "me", name: "Aya" } }));
  assert.equal(session.outbox.unsent, 0);
});

test("a message that a fresh page leaves out is not shown as on its way for ever", async () => {
  const { connection, session, log } = await opened();
  connection.answers.send = () => ({ id: "r-11", seq: 11 });
  session.send("r", "long ago");
  await settled();
  assert.equal(session.outbox.in("r")[0].state, "sent");
  Object.assign(log, { head: 900, state: "gap" });
  connection.says("hello", { epoch: "e1" });
  await settled();
  assert.deepEqual(session.outbox.in("r"), []);
});

test("nothing is sent, and nothing shown, on a connection of somebody else who has signed in in another tab", async () => {
  const connection = new FakeConnection();
  const factory = new FakeIndexedDB();
  const records = new Records({ database: new Database({ factory }) });
  let who = ME;
  const session = new Session({ api: { me: async () => who }, connection, store: new RoomsStore(), records });
  const ended = new Promise((resolve) => session.addEventListener("signed-out", ({ detail }) => resolve(detail.reason)));
  session.start(ME);
  connection.answers.rooms = () => ({ rooms: [] });
  connection.says("hello", { epoch: "e1" });
  await settled();
  connection.says("status", { status: "waiting", code: 1006 });
  who = BEN;
  session.send("r", "of me");
  await settled();
  connection.says("hello", { epoch: "e1" });
  assert.equal(await ended, "expired");
  await settled();
  assert.deepEqual(connection.of("send"), []);
  assert.equal(factory.data.get("outbox").size, 1);
});

test("who is signed in is asked again until there is an answer, and then what waits is sent", async (context) => {
  const connection = new FakeConnection();
  const records = new Records({ database: new Database({ factory: new FakeIndexedDB() }) });
  let isAway = true;
  const me = async () => {
    if (isAway) throw new Error("away");
    return ME;
  };
  const session = new Session({ api: { me }, connection, store: new RoomsStore(), records });
  connection.answers = { rooms: () => ({ rooms: [] }), send: () => ({ id: "r-1", seq: 1 }) };
  connection.status = "open";
  session.start(ME);
  connection.says("status", { status: "waiting", code: 1006 });
  session.send("r", "of me");
  await settled();
  context.mock.timers.enable({ apis: ["setTimeout"] });
  connection.says("hello", { epoch: "e1" });
  await settled();
  assert.deepEqual(connection.of("send"), []);
  isAway = false;
  context.mock.timers.tick(2_000);
  await settled();
  assert.equal(connection.of("send").length, 1);
});

test("a message is stored in the transaction that removes its draft", async () => {
  const { connection, session, factory } = await opened();
  connection.answers.send = () => new RequestError({ code: "connection.lost", message: "", retry: "later" });
  session.drafts.change("r", { text: "hal" });
  session.drafts.change("r", { text: "half" });
  await settled();
  const seen = new Set();
  session.drafts.change("r", { text: "whole" });
  session.send("r", "whole");
  assert.equal(session.drafts.of("r").text, "");
  for (let step = 0; step < 60; step += 1) {
    await settled(1);
    seen.add(`${factory.data.get("drafts").size} ${factory.data.get("outbox").size}`);
  }
  assert.ok(!seen.has("0 0"), [...seen].join(", "));
  assert.deepEqual([factory.data.get("drafts").size, factory.data.get("outbox").size], [0, 1]);
});

test("a room opens where one wants to go, was, or stopped reading, with one request", async () => {
  for (const [fields, place] of [
    [{ wanted: 70 }, { around: 70 }],
    [{ place: { seq: 60, offset: 3 } }, { around: 60 }],
    [{ unread: 30, read: 40 }, { around: 40 }],
    [{ unread: 20, read: 80 }, {}],
  ]) {
    const { connection, store, session } = await opened({ head: 100 });
    store.forgetMessages("r");
    Object.assign(store.room("r"), fields);
    const before = connection.of("history").length;
    await Promise.all([session.open("r"), session.open("r")]);
    assert.deepEqual(connection.of("history").slice(before), [{ op: "history", room: "r", limit: 50, ...place }]);
  }
});

test("pages load from both edges of what is here, and only the last jump counts", async () => {
  const { connection, store, session } = await opened({ head: 1_000 });
  const answers = [];
  connection.answers.history = () => new Promise((resolve) => answers.push(resolve));
  const first = session.loadAround("r", 300);
  const second = session.loadAround("r", 600);
  const page = (seq) => ({ messages: [stored(seq)], head: 1_000, more_before: true, more_after: true, after: seq });
  answers[1](page(600));
  answers[0](page(300));
  await Promise.all([first, second]);
  assert.deepEqual(store.room("r").messages.map(({ seq }) => seq), [600]);
  const older = session.loadOlder("r");
  const newer = session.loadNewer("r");
  assert.deepEqual(connection.of("history").slice(-2).map(({ before, after }) => [before, after]), [[600, undefined], [undefined, 600]]);
  answers[2]({ messages: [stored(599)], head: 1_000 });
  answers[3]({ messages: [stored(601)], head: 1_000, more_before: true, more_after: false });
  await Promise.all([older, newer]);
  const room = store.room("r");
  assert.deepEqual([room.messages.map(({ seq }) => seq), room.moreBefore, room.moreAfter], [[599, 600, 601], false, false]);
  const asked = connection.of("history").length;
  await Promise.all([session.loadOlder("r"), session.loadNewer("r")]);
  assert.equal(connection.of("history").length, asked);
});

/** A session that begins with what was kept of a room up to seq 10, on a server whose log has come to `head`. */
async function restored({ head, epoch = "e1", open = false }) {
  const { connection, store, session, log } = await opened();
  session.expire();
  connection.asked = [];
  log.head = head;
  const messages = [stored(9), stored(10)];
  const pages = new Map([["r", { epoch: "e1", seq: 10, complete: false, messages }]]);
  session.start(ME, { me: ME, epoch: "e1", rooms: [{ id: "r", name: "Room", head: 10 }], pages });
  if (open) await session.open("r");
  const before = store.room("r").messages.map(({ seq }) => seq);
  connection.says("hello", { epoch });
  await settled();
  return { connection, store, session, before };
}

test("what was kept is shown at once, and only what came since is asked for", async () => {
  const { connection, store, before } = await restored({ head: 12, open: true });
  assert.deepEqual(before, [9, 10]);
  assert.deepEqual(connection.of("sub"), [{ op: "sub", rooms: { r: 10 }, epoch: "e1" }]);
  assert.deepEqual(connection.of("history"), []);
  connection.says("event", posted(11));
  connection.says("event", posted(12));
  assert.deepEqual(store.room("r").messages.map(({ seq }) => seq), [9, 10, 11, 12]);
});

test("threads of what was kept are asked about when the room is opened", async () => {
  const { connection, session } = await restored({ head: 10 });
  assert.deepEqual(connection.of("threads"), []);
  await session.open("r");
  assert.deepEqual(connection.of("threads").map(({ messages }) => messages), [["r-9", "r-10"]]);
});

test("of a room that went far since, a page is loaded, and only if it is open", async () => {
  const closed = await restored({ head: 500 });
  assert.deepEqual(closed.connection.of("sub")[0].rooms, { r: 500 });
  assert.deepEqual([closed.store.room("r").messages, closed.connection.of("history")], [[], []]);
  const open = await restored({ head: 500, open: true });
  assert.deepEqual(open.store.room("r").messages.map(({ seq }) => seq), [499, 500]);
});

test("where somebody is led before the rooms are known, they stay, however far the room went since", async () => {
  const { connection, store, session, log } = await opened();
  session.expire();
  connection.asked = [];
  log.head = 500;
  const pages = new Map([["r", { epoch: "e1", seq: 10, complete: false, messages: [stored(9), stored(10)] }]]);
  session.start(ME, { me: ME, epoch: "e1", rooms: [{ id: "r", name: "Room", head: 10 }], pages });
  await session.open("r");
  connection.answers.history = ({ around }) => ({ messages: [stored(around ?? 500)], head: 500, more_before: true, more_after: Boolean(around) });
  await session.loadAround("r", 3);
  connection.says("hello", { epoch: "e1" });
  await settled();
  assert.deepEqual(store.room("r").messages.map(({ seq }) => seq), [3]);
  assert.deepEqual(connection.of("sub")[0].rooms, { r: 500 });
});

test("what was kept of another log is dropped", async () => {
  const { store, before } = await restored({ head: 4, epoch: "e2", open: true });
  assert.deepEqual(before, [9, 10]);
  assert.deepEqual(store.room("r").messages.map(({ seq }) => seq), [3, 4]);
});

test("another connection without a loss, as when another tab was closed, is asked whose it is, too", async () => {
  const connection = new FakeConnection();
  let who = ME;
  const session = new Session({ api: { me: async () => who }, connection, store: new RoomsStore() });
  const ended = new Promise((resolve) => session.addEventListener("signed-out", ({ detail }) => resolve(detail.reason)));
  connection.answers.rooms = () => ({ rooms: [] });
  session.start(ME);
  for (const status of ["connecting", "open"]) connection.says("status", { status, code: null });
  connection.says("hello", { epoch: "e1" });
  await settled();
  who = BEN;
  for (const status of ["connecting", "open"]) connection.says("status", { status, code: null });
  connection.says("hello", { epoch: "e1" });
  assert.equal(await ended, "expired");
});

test("what is no event changes nothing, and the room is read anew", async () => {
  const { connection, store, log } = await opened();
  const broken = [
    { ev: "message.posted", room: "r", seq: 11, id: "r-11", body: "no author", at: "2026-01-01T00:00:00.000Z" },
    { ev: "message.posted", room: "r", seq: 11, id: "r-11", author: BEN, body: { text: "an object" }, at: "2026-01-01T00:00:00.000Z" },
    { ev: "message.posted", room: "r", seq: "11", author: BEN },
    posted(11, { mentions: 5 }),
    posted(11, { data: [] }),
    posted(11, { at: "yesterday" }),
    { ev: "message.edited", room: "r", seq: 11, message: 9 },
    { ev: "reaction.added", room: "r", seq: 11, message: "r-9", emoji: [], author: BEN },
    { ev: "typing", room: "r" },
    { ev: "message.posted", room: 5 },
    { ev: "room.changed" },
  ];
  log.head = 12;
  for (const event of broken) connection.says("event", event);
  assert.deepEqual(store.room("r").messages.map(({ seq }) => seq), [9, 10]);
  await settled();
  assert.deepEqual(store.room("r").messages.map(({ seq }) => seq), [11, 12]);
  assert.equal(connection.of("sub").at(-1).rooms.r, 12);
});

test("an answer that names no rooms is asked for again, and messages that are none are left out", async (context) => {
  const { connection, store, session } = await opened();
  const { rooms, history } = connection.answers;
  connection.status = "open";
  connection.answers.rooms = () => ({ rooms: "none" });
  context.mock.timers.enable({ apis: ["setTimeout"] });
  connection.says("hello", { epoch: "e1" });
  await settled();
  assert.equal(store.joined().length, 1);
  connection.answers.rooms = rooms;
  const before = connection.of("sub").length;
  context.mock.timers.tick(2_000);
  await settled();
  assert.equal(connection.of("sub").length, before + 1);
  connection.answers.history = () => ({ messages: "none" });
  await assert.rejects(session.loadNewest("r"), TypeError);
  connection.says("system", { sys: "gap", room: "r" });
  await settled();
  assert.equal(store.room("r").messages.length, 2);
  connection.answers.history = () => ({ ...history(), messages: [null, 7, { id: "x" }, { ...stored(8), reactions: { x: 1 } }, ...history().messages] });
  await session.loadNewest("r");
  assert.deepEqual(store.room("r").messages.map(({ seq }) => seq), [9, 10]);
});

test("a room that is deleted leaves the list at once, and is told of once, with its name", async () => {
  const { connection, session, store } = await opened();
  const told = [];
  session.addEventListener("deleted", ({ detail }) => told.push(detail));
  connection.answers.rooms = () => ({ rooms: [] });
  connection.says("event", { ev: "room.changed", room: "r", seq: 11, name: null, kind: "private", archived: true, deleted: true });
  for (let each = 0; each < 2; each += 1) connection.says("event", { ev: "room.removed", room: "r", deleted: true });
  assert.deepEqual(store.joined(), []);
  connection.says("event", { ev: "room.removed", room: "elsewhere", deleted: true });
  await settled();
  assert.deepEqual(told, [{ room: "r", name: "Room" }]);
});

test("a room that one was removed from is no deleted one", async () => {
  const { connection, session } = await opened();
  const told = [];
  session.addEventListener("deleted", ({ detail }) => told.push(detail));
  connection.says("event", { ev: "room.removed", room: "r" });
  await settled();
  assert.deepEqual(told, []);
});

test("a room is deleted by its own operation", async () => {
  const { connection, session } = await opened();
  await session.deleteRoom("r");
  assert.deepEqual(connection.of("delete_room"), [{ op: "delete_room", room: "r" }]);
});
