import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { RoomsStore } from "../../static/lib/rooms-store.js";
import { openedThread } from "../../static/lib/thread.js";
import { Threads } from "../../static/lib/threads.js";
import { settled } from "./browser-fakes.mjs";

const ME = { id: "me", name: "Aya" };
const BEN = { id: "ben", name: "Ben" };
const message = (seq, more = {}) => ({ room: "r", seq, id: `r-${seq}`, author: BEN, at: "2026-01-01T00:00:00.000Z", body: `text ${seq}`, client_id: `c${seq}`, ...more });
const reply = (seq, more = {}) => message(seq, { thread: "r-5", ...more });
const posted = (seq, more) => ({ ev: "message.posted", ...reply(seq, more) });
const range = (from, to) => Array.from({ length: to - from + 1 }, (_, place) => reply(from + place));
const seqs = (thread) => thread.messages.map(({ seq }) => seq);

let store, session, asked, arrived, changes;
beforeEach(() => {
  store = new RoomsStore();
  asked = [];
  arrived = [];
  changes = 0;
  const threads = new Threads({ ask: async () => ({}), store });
  session = {
    threads,
    outbox: { in: () => [{ client_id: "a", thread: "r-5" }, { client_id: "b" }, { client_id: "c", thread: "r-6" }] },
    thread: (_, id, before) => new Promise((resolve, reject) => asked.push({ id, before, resolve, reject })),
    arrived: (_, messages) => arrived.push(...messages.map(({ seq }) => seq)),
  };
  store.reset(ME);
  threads.start("me");
  store.applySnapshot([{ id: "r", name: "Room", head: 200, read: 120 }]);
  store.subscribed("r", 200);
});

const open = (id = "r-5") => openedThread({ session, store, room: "r", id });

async function answer(found) {
  asked.at(-1).resolve({ root: message(5), head: 200, ...found });
  await settled();
}

test("the newest replies come first, then older ones, and in the end the root", async () => {
  const thread = open();
  thread.addEventListener("change", ({ detail }) => (changes += detail.room === "r-5"));
  const opening = thread.open();
  await answer({ messages: range(100, 149), more: true });
  await opening;
  assert.deepEqual([seqs(thread)[0], thread.moreBefore, asked[0].before, changes > 0], [100, true, null, true]);
  const older = [thread.loadOlder(), thread.loadOlder()];
  await answer({ messages: range(98, 99) });
  await Promise.all(older);
  assert.deepEqual([asked.length, asked[1].before, seqs(thread).slice(0, 4), thread.moreBefore], [2, 100, [5, 98, 99, 100], false]);
  assert.equal(arrived.length, 52);
});

test("the replies on from one that is wanted are loaded, page by page", async () => {
  const thread = open();
  const opening = thread.loadAround(60);
  await answer({ messages: range(150, 199), more: true });
  await answer({ messages: range(100, 149), more: true });
  await answer({ messages: range(50, 99), more: true });
  await opening;
  assert.deepEqual([seqs(thread)[0], asked.length], [50, 3]);
});

test("new replies of the thread come to the end, and changes reach the root, too", async () => {
  const thread = open();
  void thread.open();
  await answer({ messages: range(100, 101) });
  for (const event of [posted(201), posted(202, { thread: "r-6" }), posted(203, { thread: undefined })]) store.applyEvent(event);
  store.applyEvent({ ev: "message.edited", room: "r", seq: 204, message: "r-5", body: "better", author: BEN, at: "2026-01-01T00:00:00.000Z" });
  store.applyEvent({ ev: "message.deleted", room: "r", seq: 205, message: "r-100", author: BEN });
  store.setNote("r", "r-101", "done");
  assert.deepEqual(seqs(thread), [5, 100, 101, 201]);
  assert.deepEqual([thread.messages[0].body, thread.messages[1].deleted, thread.messages[2].note], ["better", true, "done"]);
});

test("what happens while a page is on its way is not lost, and what the page has is not shown twice", async () => {
  const thread = open();
  void thread.open();
  store.applyEvent(posted(201));
  store.applyEvent(posted(202));
  store.applyEvent({ ev: "reaction.added", room: "r", seq: 203, message: "r-100", emoji: "👍", author: BEN });
  await answer({ messages: [...range(100, 101), reply(201)], head: 201, more: true });
  assert.deepEqual(seqs(thread), [100, 101, 201, 202]);
  assert.deepEqual(thread.messages[0].reactions, { "👍": ["ben"] });
  void thread.loadOlder();
  store.applyEvent({ ev: "message.deleted", room: "r", seq: 204, message: "r-99", author: BEN });
  store.applyEvent(posted(205));
  await answer({ messages: range(98, 99), head: 203 });
  assert.deepEqual([seqs(thread), thread.messages[2].deleted], [[5, 98, 99, 100, 101, 201, 202, 205], true]);
});

test("when events were lost, all is loaded anew, and a page from before does not count", async () => {
  const thread = open();
  const opening = thread.open();
  store.forgetMessages("r");
  await answer({ messages: range(100, 101) });
  assert.deepEqual([seqs(thread), asked.length], [[], 2]);
  await answer({ messages: range(102, 103) });
  await opening;
  assert.deepEqual(seqs(thread), [5, 102, 103]);
  store.forgetMessages("other");
  assert.equal(thread.loaded, true);
});

test("the line of new replies stands where seeing them ended, never above the root", async () => {
  store.room("r").readAtFirst = 0;
  const thread = open();
  void thread.open();
  await answer({ messages: [reply(100, { author: ME }), reply(101)] });
  assert.deepEqual([thread.newFrom, thread.unread], [5, 1]);
  thread.markRead();
  assert.deepEqual([thread.unread, session.threads.seen("r", "r-5")], [0, 101]);
  thread.placeNewLine();
  assert.equal(thread.newFrom, null);
  store.applyEvent(posted(201, { author: ME }));
  store.applyEvent(posted(202));
  thread.placeNewLine();
  assert.deepEqual([thread.newFrom, thread.unread], [201, 1]);
});

test("what is written goes to the thread, and to the room if that is wanted", () => {
  const sent = [];
  session.send = (...given) => sent.push(given);
  open().send("hello", null, []);
  open().send("all", null, [], { broadcast: true, aside: true });
  assert.deepEqual(sent.map(([room, body, , , place]) => [room, body, place]), [["r", "hello", { thread: "r-5" }], ["r", "all", { broadcast: true, aside: true, thread: "r-5" }]]);
});

test("it has the reader's messages to this thread alone, and the last ones that were open are kept up to date", async () => {
  const first = open();
  assert.deepEqual(first.outgoing.map(({ client_id: id }) => id), ["a"]);
  void first.open();
  await answer({ messages: range(100, 101) });
  for (const id of ["r-11", "r-12", "r-13", "r-14"]) open(id);
  assert.equal(open(), first);
  open("r-15");
  assert.equal(open(), first);
  for (const id of ["r-16", "r-17", "r-18", "r-19", "r-20"]) open(id);
  store.applyEvent(posted(201));
  assert.notEqual(open(), first);
  assert.deepEqual(seqs(first), [5, 100, 101]);
});
