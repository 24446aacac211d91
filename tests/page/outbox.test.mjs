import assert from "node:assert/strict";
import { test } from "node:test";
import { Database } from "../../static/lib/database.js";
import { Outbox } from "../../static/lib/outbox.js";
import { Records } from "../../static/lib/records.js";
import { RoomsStore } from "../../static/lib/rooms-store.js";
import { RequestError } from "../../static/lib/socket.js";
import { Tabs } from "../../static/lib/tabs.js";
import { FakeBrowser, FakeIndexedDB, fakeTabStorage, settled } from "./browser-fakes.mjs";

const states = (outbox, room = "r") => outbox.in(room).map(({ body, state }) => `${body} ${state}`);
const refusal = (code, retry, after_ms) => new RequestError({ code, message: code, retry, after_ms });
const gone = () => refusal("connection.lost", "later");

/** A server whose answers the test gives. */
function server() {
  const asked = [];
  const send = (entry) => new Promise((resolve, reject) => asked.push({ ...entry, resolve, reject }));
  return { asked, send, bodies: () => asked.map(({ body }) => body) };
}

/** A server that takes what it gets, once by client_id, as ours does. */
function takingServer() {
  const log = [];
  const send = async ({ room, client_id, body, reply_to }) => {
    await null;
    const known = log.findIndex((each) => each.client_id === client_id);
    if (known < 0) log.push({ room, client_id, body, reply_to });
    const seq = (known < 0 ? log.length : known + 1);
    return { id: `${room}-${seq}`, seq };
  };
  return { log, send, bodies: () => log.map(({ body }) => body) };
}

function tab({ send, upload, factory = new FakeIndexedDB(), storage = fakeTabStorage(), jots = null, browser = null, isSeen, headOf }) {
  const records = new Records({ database: new Database({ factory }), tab: storage, browser: jots });
  const tabs = browser ? new Tabs({ locks: browser.locks, makeChannel: browser.channel }) : undefined;
  const outbox = new Outbox({ send, upload, records, tabs, isSeen, headOf });
  return { outbox, tabs, factory, storage };
}

async function opened(options) {
  const made = tab(options);
  made.tabs?.join("me");
  await made.outbox.open("me");
  return made;
}

const stored = (factory) => [...(factory.data.get("outbox")?.values() ?? [])].map(({ user, body, state }) => `${user} ${body} ${state}`);

test("a message is stored before it is sent, and leaves the browser with the answer", async () => {
  const { asked, send } = server();
  const { outbox, factory } = await opened({ send: (entry) => (assert.equal(stored(factory).length, 1), send(entry)) });
  outbox.add("r", "one");
  assert.deepEqual(states(outbox), ["one pending"]);
  assert.equal(asked.length, 0);
  await settled();
  assert.deepEqual(stored(factory), ["me one pending"]);
  asked[0].resolve({ id: "r-5", seq: 5 });
  await settled();
  assert.deepEqual(stored(factory), []);
  assert.deepEqual(states(outbox), ["one sent"]);
  outbox.seen("r", 4);
  assert.deepEqual(states(outbox), ["one sent"]);
  outbox.seen("r", 5);
  assert.deepEqual(states(outbox), []);
});

test("messages of a room leave one after the other, as they were written", async () => {
  const { asked, send, bodies } = server();
  const { outbox } = await opened({ send });
  outbox.add("r", "one");
  outbox.add("r", "two");
  outbox.add("other", "three");
  await settled();
  assert.deepEqual(bodies(), ["one", "three"]);
  asked[0].resolve({ id: "r-5", seq: 5 });
  await settled();
  assert.deepEqual(bodies(), ["one", "three", "two"]);
  assert.deepEqual(states(outbox), ["one sent", "two pending"]);
});

test("a lost connection keeps the message and its client_id for the next one", async () => {
  const { asked, send } = server();
  const { outbox } = await opened({ send });
  outbox.add("r", "one");
  await settled();
  asked[0].reject(gone());
  await settled();
  assert.deepEqual(states(outbox), ["one pending"]);
  outbox.flush();
  assert.equal(asked[1].client_id, asked[0].client_id);
});

test("'later' is tried again after the time the server asked for, and else ever more slowly", async (context) => {
  const { asked, send } = server();
  const { outbox } = await opened({ send });
  outbox.add("r", "one");
  await settled();
  context.mock.timers.enable({ apis: ["setTimeout"] });
  asked[0].reject(refusal("limit.rate", "later", 700));
  await settled();
  assert.equal(outbox.in("r")[0].error.code, "limit.rate");
  context.mock.timers.tick(699);
  assert.equal(asked.length, 1);
  context.mock.timers.tick(1);
  assert.equal(asked.length, 2);
  for (const delay of [4_000, 8_000]) {
    asked.at(-1).reject(refusal("server.draining", "later"));
    await settled();
    const before = asked.length;
    context.mock.timers.tick(delay - 1);
    assert.equal(asked.length, before);
    context.mock.timers.tick(1);
    assert.equal(asked.length, before + 1);
  }
});

test("a refusal stops its room and no other, until the author has decided", async () => {
  const { asked, send, bodies } = server();
  const { outbox, factory } = await opened({ send });
  const { client_id } = outbox.add("r", "one");
  outbox.add("r", "two");
  outbox.add("other", "three");
  await settled();
  asked[0].reject(refusal("message.refused", "never"));
  asked[1].resolve({ id: "other-1", seq: 1 });
  await settled();
  outbox.flush();
  assert.deepEqual(bodies(), ["one", "three"]);
  assert.deepEqual(states(outbox), ["one failed", "two pending"]);
  assert.deepEqual(outbox.in("r").map(({ isHeld = false }) => isHeld), [false, true]);
  assert.deepEqual(stored(factory), ["me one failed", "me two pending"]);

  outbox.retry(client_id);
  await settled();
  assert.equal(asked[2].client_id, client_id);
  asked[2].reject(refusal("message.refused", "never"));
  await settled();
  outbox.discard(client_id);
  await settled();
  assert.deepEqual(bodies(), ["one", "three", "one", "two"]);
  assert.deepEqual(stored(factory), ["me two pending"]);
});

test("what was not sent survives the tab, with its reason, for its author alone", async () => {
  const { asked, send } = server();
  const { outbox, factory } = await opened({ send });
  outbox.add("r", "one");
  outbox.add("r", "two");
  await settled();
  asked[0].reject(refusal("message.refused", "never"));
  await settled();
  outbox.close();

  const ben = tab({ send, factory });
  await ben.outbox.open("ben");
  assert.deepEqual([states(ben.outbox), ben.outbox.unsent], [[], 0]);
  const again = await opened({ send, factory });
  assert.deepEqual(states(again.outbox), ["one failed", "two pending"]);
  assert.equal(again.outbox.in("r")[0].error.code, "message.refused");
  assert.equal(again.outbox.unsent, 2);
});

test("a reload while an answer is awaited sends with the same client_id", async () => {
  const { asked, send } = server();
  const { factory, outbox } = await opened({ send });
  outbox.add("r", "one");
  await settled();
  await opened({ send, factory });
  assert.equal(asked.length, 2);
  assert.equal(asked[1].client_id, asked[0].client_id);
});

test("the echo is as good as the answer, whichever comes first", async () => {
  const { asked, send } = server();
  const { outbox, factory } = await opened({ send, isSeen: (_, seq) => seq <= 7 });
  const { client_id } = outbox.add("r", "echo first");
  await settled();
  outbox.confirmed(client_id, "r-6");
  await settled();
  assert.deepEqual([states(outbox), stored(factory)], [[], []]);
  asked[0].resolve({ id: "r-6", seq: 6 });
  await settled();
  assert.deepEqual(states(outbox), []);
  outbox.add("r", "seen already");
  await settled();
  asked[1].resolve({ id: "r-7", seq: 7 });
  await settled();
  assert.deepEqual(states(outbox), []);
});

test("a reply to a message on its way points to it when it has its id, also after a reload", async () => {
  const { asked, send } = server();
  const { outbox, factory } = await opened({ send });
  const first = outbox.add("r", "first");
  outbox.add("r", "answer", { client_id: first.client_id });
  await settled();
  assert.deepEqual(outbox.in("r")[1].quoted, { body: "first" });
  outbox.close();
  const again = await opened({ send, factory });
  asked.at(-1).resolve({ id: "r-9", seq: 9 });
  await settled();
  assert.deepEqual([asked.at(-1).body, asked.at(-1).reply_to], ["answer", "r-9"]);
  const [record] = factory.data.get("outbox").values();
  assert.deepEqual([record.reply_to, record.reply_to_unsent], ["r-9", undefined]);
  again.outbox.close();
});

test("a reply to a message that is given up goes without it", async () => {
  const { asked, send } = server();
  const { outbox } = await opened({ send });
  const first = outbox.add("r", "first");
  outbox.add("r", "answer", { client_id: first.client_id });
  await settled();
  asked[0].reject(refusal("message.refused", "never"));
  await settled();
  outbox.discard(first.client_id);
  await settled();
  assert.equal(asked[1].body, "answer");
  assert.deepEqual([asked[1].reply_to, asked[1].reply_to_unsent], [undefined, undefined]);
});

test("an answer that says nothing is no answer", async (context) => {
  const { asked, send } = server();
  const { outbox, factory } = await opened({ send });
  outbox.add("r", "one");
  await settled();
  context.mock.timers.enable({ apis: ["setTimeout"] });
  for (const nonsense of [undefined, {}, { id: 5, seq: 5 }, { id: "r-5", seq: "5" }]) {
    asked.at(-1).resolve(nonsense);
    await settled();
    assert.deepEqual(states(outbox), ["one pending"]);
    context.mock.timers.tick(60_000);
  }
  assert.equal(new Set(asked.map(({ client_id }) => client_id)).size, 1);
  assert.equal(asked.length, 5);
  context.mock.timers.reset();
  await settled();
  assert.deepEqual(stored(factory), ["me one pending"]);
});

test("a session that ended fails nothing", async () => {
  const { asked, send } = server();
  const { outbox } = await opened({ send });
  outbox.add("r", "one");
  await settled();
  asked[0].reject(refusal("auth.required", "never"));
  await settled();
  assert.deepEqual(states(outbox), ["one pending"]);
});

test("an answer after the session's end changes nothing of the next one's", async () => {
  const { asked, send } = server();
  const { outbox, factory } = await opened({ send });
  outbox.add("r", "one");
  await settled();
  outbox.close();
  await outbox.open("ben");
  asked[0].reject(refusal("message.refused", "never"));
  await settled();
  assert.deepEqual(states(outbox), []);
  assert.deepEqual(stored(factory), ["me one pending"]);
});

for (const [fault, break_] of [
  ["blocked", (factory) => Object.assign(factory, { isBlocked: true })],
  ["full", (factory) => Object.assign(factory, { refuses: new Error("QuotaExceededError") })],
]) {
  test(`with a database that is ${fault} messages are sent, and live as long as the tab`, async () => {
    const factory = break_(new FakeIndexedDB());
    const { asked, send, bodies } = server();
    const { outbox, storage } = await opened({ send, factory });
    outbox.add("r", "one");
    outbox.add("r", "two");
    await settled();
    assert.equal(outbox.unsafe, 2);
    assert.deepEqual(bodies(), ["one"]);
    outbox.close();
    const again = await opened({ send, factory, storage });
    assert.deepEqual(states(again.outbox), ["one pending", "two pending"]);
    asked[1].resolve({ id: "r-1", seq: 1 });
    await settled();
    asked[2].resolve({ id: "r-2", seq: 2 });
    await settled();
    assert.equal(again.outbox.unsafe, 0);
    const after = await opened({ send, factory, storage });
    assert.deepEqual(states(after.outbox), []);
  });
}

test("without any storage messages are sent all the same", async () => {
  const factory = Object.assign(new FakeIndexedDB(), { isBlocked: true });
  const { send, bodies } = takingServer();
  const { outbox } = await opened({ send, factory, storage: fakeTabStorage({ isFull: true }) });
  for (const body of ["one", "two"]) outbox.add("r", body);
  await settled();
  assert.deepEqual(bodies(), ["one", "two"]);
  assert.equal(outbox.unsent, 0);
});

test("a database that hangs holds nothing back for good", async (context) => {
  const factory = Object.assign(new FakeIndexedDB(), { hangs: true });
  const { send, bodies } = takingServer();
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const storage = fakeTabStorage();
  const { outbox } = tab({ send, factory, storage });
  void outbox.open("me");
  outbox.add("r", "one");
  assert.equal(storage.length, 1, "the page may be loaded anew at once");
  for (let patience = 0; patience < 4; patience += 1) {
    await settled();
    context.mock.timers.tick(3_000);
  }
  await settled();
  assert.deepEqual(bodies(), ["one"]);
});

test("a message for which the disk had no place keeps its turn behind one that is stored", async () => {
  const { asked, send, bodies } = server();
  const { outbox, factory } = await opened({ send });
  outbox.add("r", "one");
  await settled();
  factory.refuses = new Error("QuotaExceededError");
  outbox.add("r", "two");
  await settled();
  factory.refuses = null;
  outbox.add("r", "three");
  await settled();
  for (const [at, id] of ["r-1", "r-2", "r-3"].entries()) {
    asked[at].resolve({ id, seq: at + 1 });
    await settled();
  }
  assert.deepEqual(bodies(), ["one", "two", "three"]);
});

test("of two tabs one sends, in the order of writing, and both show it", async () => {
  const browser = new FakeBrowser();
  const factory = new FakeIndexedDB();
  const { asked, send, bodies } = server();
  const one = await opened({ send, factory, browser });
  const two = await opened({ send, factory, browser });
  await settled();
  assert.deepEqual([one.tabs.isLeader, two.tabs.isLeader], [true, false]);
  two.outbox.add("r", "from the second");
  await settled();
  one.outbox.add("r", "from the first");
  await settled();
  two.outbox.add("r", "and again");
  await settled();
  for (const { outbox } of [one, two]) assert.deepEqual(states(outbox), ["from the second pending", "from the first pending", "and again pending"]);
  assert.deepEqual(bodies(), ["from the second"]);
  two.outbox.flush();
  assert.equal(asked.length, 1);
  asked[0].resolve({ id: "r-1", seq: 1 });
  await settled();
  assert.deepEqual(states(two.outbox), ["from the second sent", "from the first pending", "and again pending"]);
  two.outbox.confirmed(asked[0].client_id, "r-1");
  assert.deepEqual(bodies(), ["from the second", "from the first"]);
  asked[1].reject(refusal("message.refused", "never"));
  await settled();
  assert.deepEqual(states(two.outbox), ["from the first failed", "and again pending"]);
  two.outbox.discard(asked[1].client_id);
  await settled();
  assert.deepEqual(states(one.outbox), ["from the second sent", "and again pending"]);
  assert.deepEqual(bodies().slice(2), ["and again"]);
});

test("when the sending tab is closed another one goes on, and nothing is doubled", async () => {
  const browser = new FakeBrowser();
  const factory = new FakeIndexedDB();
  const real = takingServer();
  const silent = async (entry) => (await real.send(entry), new Promise(() => {})); // the answer is lost with the tab
  const one = await opened({ send: silent, factory, browser });
  const two = await opened({ send: real.send, factory, browser });
  for (const body of ["one", "two", "three"]) one.outbox.add("r", body);
  await settled();
  assert.deepEqual(real.bodies(), ["one"]);
  one.tabs.leave();
  one.outbox.close();
  await settled();
  assert.ok(two.tabs.isLeader);
  assert.deepEqual(real.bodies(), ["one", "two", "three"]);
  assert.deepEqual(stored(factory), []);
});

test("without locks each tab sends, and the client_id makes it once and in order", async () => {
  const browser = new FakeBrowser();
  const factory = new FakeIndexedDB();
  const { send, bodies } = takingServer();
  let isAway = true;
  const slow = (entry) => (isAway ? Promise.reject(gone()) : settled(3).then(() => send(entry)));
  const outboxes = [];
  for (let number = 0; number < 2; number += 1) {
    const records = new Records({ database: new Database({ factory }) });
    const tabs = new Tabs({ locks: null, makeChannel: browser.channel });
    const outbox = new Outbox({ send: slow, records, tabs });
    tabs.join("me");
    await outbox.open("me");
    outboxes.push(outbox);
  }
  const written = [];
  for (let number = 0; number < 10; number += 1) {
    written.push(`message ${number}`);
    outboxes[number % 2].add("r", written.at(-1));
    await settled();
  }
  isAway = false;
  for (const outbox of outboxes) outbox.flush();
  await settled(600);
  assert.deepEqual(bodies(), written);
  assert.deepEqual(stored(factory), []);
});

test("files wait with their message, over a reload, and are uploaded once before it is sent", async () => {
  const { asked, send } = server();
  const factory = new FakeIndexedDB();
  const uploads = [];
  let isAway = true;
  const upload = async ({ label, file }) => {
    if (isAway) throw gone();
    uploads.push(label);
    if (label === "b" && uploads.length === 2) throw gone(); // the network goes between the two
    return { text: await file.text() };
  };
  const attached = ["a", "b"].map((label) => ({ namespace: "files", value: null, label, file: new Blob([label]) }));
  const first = tab({ send, factory, upload });
  await first.outbox.open("me");
  first.outbox.add("r", "look", null, attached);
  await settled();
  assert.equal(asked.length, 0);
  first.outbox.close();
  isAway = false;
  const second = tab({ send, factory, upload });
  await second.outbox.open("me");
  await settled();
  second.outbox.close();
  assert.deepEqual([uploads, asked.length], [["a", "b"], 0]);
  const third = tab({ send, factory, upload });
  await third.outbox.open("me");
  await settled();
  assert.deepEqual(uploads, ["a", "b", "b"]);
  assert.deepEqual(asked[0].attached, ["a", "b"].map((label) => ({ namespace: "files", value: { text: label }, label })));
});

test("a file that is refused fails its message, which says why", async () => {
  const { asked, send } = server();
  const { outbox } = await opened({ send, upload: () => Promise.reject(refusal("blob.too_large", "never")) });
  outbox.add("r", "look", null, [{ namespace: "files", value: null, label: "a", file: new Blob(["a"]) }]);
  await settled();
  assert.deepEqual([states(outbox), outbox.in("r")[0].error.code, asked.length], [["look failed"], "blob.too_large", 0]);
});

test("what is written after a message whose file was being uploaded goes before it", async () => {
  const { send, bodies } = takingServer();
  const under = [];
  const upload = (_file, how) => new Promise((resolve) => under.push({ resolve, ...how }));
  const { outbox, factory } = await opened({ send, upload });
  const file = new Blob(["a"]);
  outbox.add("r", "look", null, [{ namespace: "files", value: null, label: "a", file }], null, { aside: true });
  outbox.add("r", "well?");
  await settled();
  assert.deepEqual([bodies(), states(outbox)], [["well?"], ["look pending", "well? sent"]]);
  assert.deepEqual(outbox.in("r").map(({ progress }) => progress), [0, undefined]);
  let drawn = 0;
  outbox.addEventListener("change", () => (drawn += 1));
  for (const part of [0.421, 0.425, 0.4299]) under[0].onprogress(part);
  assert.deepEqual([outbox.in("r")[0].progress, drawn], [0.42, 1]);
  assert.equal([...factory.data.get("outbox").values()][0].attached[0].file.size, 1); // it outlasts the tab
  under[0].resolve({ n: 1 });
  await settled();
  assert.deepEqual(bodies(), ["well?", "look"]);
});

test("an upload ends with its message, and what follows is sent", async () => {
  const { send, bodies } = takingServer();
  const signals = [];
  const upload = (_file, { signal }) =>
    new Promise((_resolve, reject) => {
      signals.push(signal);
      signal.addEventListener("abort", () => reject(refusal("blob.unavailable", "later")));
    });
  const { outbox, factory } = await opened({ send, upload });
  const attached = () => ["a", "b"].map((label) => ({ namespace: "files", value: null, label, file: new Blob([label]) }));
  const { client_id: id } = outbox.add("r", "look", null, attached());
  outbox.add("r", "after it");
  await settled();
  outbox.discard(id);
  await settled();
  assert.deepEqual([bodies(), signals.map(({ aborted }) => aborted), stored(factory)], [["after it"], [true, true], []]);
  outbox.add("r", "look again", null, attached());
  await settled();
  outbox.close(); // at the end of the session
  assert.deepEqual(signals.map(({ aborted }) => aborted), [true, true, true, true]);
});

test("a message that was given up while the last byte of its file went is not sent", async () => {
  const { send, bodies } = takingServer();
  let done;
  const { outbox } = await opened({ send, upload: () => new Promise((resolve) => (done = resolve)) });
  const { client_id: id } = outbox.add("r", "look", null, [{ namespace: "files", value: null, label: "a", file: new Blob(["a"]) }]);
  await settled();
  outbox.discard(id);
  done({ n: 1 });
  await settled();
  assert.deepEqual([bodies(), outbox.in("r")], [[], []]);
});

test("a message that only its own tab has is sent by that tab, though another one leads", async () => {
  const browser = new FakeBrowser();
  const factory = new FakeIndexedDB();
  const { send, bodies } = takingServer();
  const one = await opened({ send: () => new Promise(() => {}), factory, browser });
  const two = await opened({ send, factory, browser });
  factory.refuses = new Error("QuotaExceededError");
  two.outbox.add("r", "mine alone");
  await settled();
  assert.deepEqual([one.tabs.isLeader, bodies(), two.outbox.unsent], [true, ["mine alone"], 0]);
});

test("a refusal after the session's end stops nothing of the next session", async () => {
  const { asked, send } = server();
  const { outbox, factory } = await opened({ send });
  outbox.add("r", "one");
  await settled();
  outbox.close();
  await outbox.open("me");
  asked[0].reject(refusal("message.refused", "never"));
  await settled();
  outbox.close();
  await outbox.open("ben");
  await settled();
  assert.deepEqual(stored(factory).map((line) => line.split(" ")[0]), ["me"]);
});

test("what two tabs write at the same time has one order in both", async () => {
  const browser = new FakeBrowser();
  const factory = new FakeIndexedDB();
  const away = () => Promise.reject(gone());
  const one = await opened({ send: away, factory, browser });
  const two = await opened({ send: away, factory, browser });
  for (let number = 0; number < 5; number += 1) {
    one.outbox.add("r", `one ${number}`);
    two.outbox.add("r", `two ${number}`);
  }
  await settled(400);
  const [first, second] = [one, two].map(({ outbox }) => outbox.in("r").map(({ body }) => body));
  assert.deepEqual(first, second);
  assert.equal(first.length, 10);
  const orders = [...factory.data.get("outbox").values()].map(({ order }) => order);
  assert.equal(new Set(orders).size, 10);
  for (const name of ["one", "two"]) assert.deepEqual(first.filter((body) => body.startsWith(name)), [0, 1, 2, 3, 4].map((number) => `${name} ${number}`));
});

test("a database that fails while another tab tells of a change loses nothing from sight", async () => {
  const browser = new FakeBrowser();
  const factory = new FakeIndexedDB();
  const away = () => Promise.reject(gone());
  const one = await opened({ send: away, factory, browser });
  const two = await opened({ send: away, factory, browser });
  one.outbox.add("r", "one");
  await settled();
  factory.closeAll();
  factory.isBlocked = true;
  two.tabs.tell({ outbox: "changed" });
  await settled();
  assert.deepEqual(states(one.outbox), ["one pending"]);
});

test("a reply that another tab has sent meanwhile does not come back", async () => {
  const factory = new FakeIndexedDB();
  const records = new Records({ database: new Database({ factory }) });
  await records.append("outbox", { key: "me a", user: "me" });
  await records.change({ remove: [["outbox", "me a"]] });
  await records.change({ update: [["outbox", "me a", { reply_to: "r-1" }]] });
  assert.equal(factory.data.get("outbox").size, 0);
});

test("a read that was begun before a message left does not bring it back", async () => {
  const { asked, send } = server();
  const factory = new FakeIndexedDB();
  const database = new Database({ factory });
  const records = new Records({ database });
  const listeners = [];
  const tabs = { isLeader: true, tell() {}, addEventListener: (type, listener) => type === "message" && listeners.push(listener) };
  const outbox = new Outbox({ send, records, tabs });
  await outbox.open("me");
  const { client_id } = outbox.add("r", "one");
  await settled();
  listeners[0]({ detail: { outbox: "changed" } }); // reads while the answer comes
  outbox.confirmed(client_id, "r-1");
  await settled();
  assert.deepEqual(states(outbox), []);
  asked[0].resolve({ id: "r-1", seq: 1 });
});

test("a message that is read from the database after its event was here is never shown", async () => {
  const browser = new FakeBrowser();
  const factory = new FakeIndexedDB();
  const first = await opened({ send: () => Promise.reject(gone()), factory, browser });
  const records = new Records({ database: new Database({ factory }) });
  const tabs = new Tabs({ locks: browser.locks, makeChannel: browser.channel });
  const second = new Outbox({ send: () => Promise.reject(gone()), records, tabs, postedAs: (room, id) => (id === posted ? `${room}-7` : null) });
  let posted = null;
  const shown = [];
  second.addEventListener("change", () => shown.push(...states(second)));
  tabs.join("me");
  await second.open("me");
  posted = first.outbox.add("r", "one").client_id;
  await settled();
  assert.deepEqual(shown, []);
  assert.deepEqual(stored(factory), []);
});

test("a refused message stays after the event at which it was refused, also in a tab that is opened later", async () => {
  const { asked, send } = server();
  let head = 7;
  const factory = new FakeIndexedDB();
  const { outbox } = await opened({ send, factory, headOf: () => head });
  const { client_id } = outbox.add("r", "one");
  await settled();
  asked[0].reject(refusal("message.refused", "never"));
  await settled();
  head = 9;
  const store = new RoomsStore();
  store.applySnapshot([{ id: "r", head, joined: true }]);
  const later = await opened({ send, factory, headOf: () => head });
  store.placeRefused("r", later.outbox.in("r"));
  assert.deepEqual([...store.room("r").refused], [[client_id, 7]]);
});

test("a message of a tab that is closed before it is stored is sent by the next one, and its draft does not come back", async () => {
  const factory = new FakeIndexedDB();
  const jots = fakeTabStorage();
  const closed = tab({ send: server().send, factory, jots });
  await closed.outbox.open("me");
  factory.data.get("drafts").set("me r", { key: "me r", user: "me", room: "r", order: 1, text: "last wor" });
  factory.hangs = true;
  closed.outbox.add("r", "last words", null, [], ["drafts", "me r"]);
  closed.outbox.add("r", "with a file", null, [{ namespace: "files", value: null, label: "a", file: new Blob(["x"]) }]);
  closed.outbox.leaving();
  await settled();
  factory.hangs = false;
  const { send, bodies } = takingServer();
  const next = tab({ send, factory, jots });
  await next.outbox.open("me");
  await settled();
  assert.deepEqual(bodies(), ["last words"]);
  assert.deepEqual(["drafts", "outbox"].map((store) => factory.data.get(store).size), [0, 0]);
  assert.equal(jots.length, 0);
  closed.outbox.close();
});

test("a message that is being stored is not sent before, though another tab tells of a change", async () => {
  const browser = new FakeBrowser();
  const { send, asked } = server();
  const here = tab({ send, browser });
  here.tabs.join("me");
  await here.outbox.open("me");
  await settled();
  here.factory.hangs = true;
  here.outbox.add("r", "one");
  here.tabs.dispatchEvent(new CustomEvent("message", { detail: { outbox: "changed" } }));
  await settled();
  assert.deepEqual(asked, []);
  here.outbox.close();
});

test("a thread has a queue of its own, in which replies keep their order", async () => {
  const { asked, send, bodies } = server();
  const { outbox } = await opened({ send });
  const told = [];
  outbox.addEventListener("stored", ({ detail }) => told.push(detail.draft));
  outbox.add("r", "room");
  outbox.add("r", "first", null, [], null, { thread: "r-1", broadcast: true });
  outbox.add("r", "second", null, [], null, { thread: "r-1", broadcast: false });
  await settled();
  assert.deepEqual([bodies(), told], [["room", "first"], ["r", "r-1", "r-1"]]);
  assert.deepEqual(asked.map(({ thread, broadcast }) => [thread, broadcast]), [[undefined, undefined], ["r-1", true]]);
  asked[1].reject(refusal("message.not_found", "never"));
  asked[0].resolve({ id: "r-7", seq: 7 });
  outbox.add("r", "more");
  await settled();
  assert.deepEqual(bodies(), ["room", "first", "more"]); // what was refused holds back its thread alone
  const held = outbox.in("r").filter(({ isHeld }) => isHeld).map(({ body }) => body);
  assert.deepEqual(held, ["second"]);
  outbox.discard(outbox.in("r").find(({ body }) => body === "first").client_id);
  await settled();
  assert.deepEqual([bodies().at(-1), asked.at(-1).broadcast], ["second", undefined]);
});

test("a message that answers one of another queue waits until that is there", async () => {
  const { asked, send, bodies } = server();
  const { outbox } = await opened({ send });
  const { client_id } = outbox.add("r", "reply", null, [], null, { thread: "r-1", broadcast: true });
  outbox.add("r", "answer", { client_id });
  await settled();
  assert.deepEqual(bodies(), ["reply"]);
  asked[0].resolve({ id: "r-7", seq: 7 });
  await settled();
  assert.deepEqual([bodies(), asked[1].reply_to], [["reply", "answer"], "r-7"]);
});

test("a reply that was left unsent is one in its thread when the page is opened again", async () => {
  const factory = new FakeIndexedDB();
  const { outbox } = await opened({ send: async () => { throw gone(); }, factory });
  outbox.add("r", "in the tunnel", null, [], null, { thread: "r-1", broadcast: true });
  await settled();
  const { asked, send } = server();
  await opened({ send, factory });
  await settled();
  assert.deepEqual(asked.map(({ body, thread, broadcast }) => [body, thread, broadcast]), [["in the tunnel", "r-1", true]]);
});
