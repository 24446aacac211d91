import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { RoomsStore } from "../../static/lib/rooms-store.js";
import { Threads } from "../../static/lib/threads.js";
import { fakeTabStorage, settled } from "./browser-fakes.mjs";

const ME = { id: "me", name: "Aya" };
const BEN = { id: "ben", name: "Ben" };
const CHO = { id: "cho", name: "Cho" };
const AT = "2026-01-01T00:00:00.000Z";
const posted = (seq, more = {}) => ({ ev: "message.posted", room: "r", seq, id: `r-${seq}`, author: BEN, at: AT, body: "", client_id: `c${seq}`, ...more });
const reply = (seq, thread, author = BEN) => posted(seq, { thread, author });
const summary = (count, seq, authors = [BEN]) => ({ count, seq, at: AT, authors });
const told = (id) => {
  const { count, seq, authors, isNew } = threads.of("r", id) ?? {};
  return count && [count, seq, authors.map((author) => author.id).join(" "), isNew];
};

let store, asked, threads, storage, changes;
beforeEach(() => {
  storage = fakeTabStorage();
  begin();
});

/** As a page that is loaded: messages 1 to 10 are there, of which the reader has read 8. */
function begin() {
  store = new RoomsStore();
  asked = [];
  changes = 0;
  const ask = (room, ids) => new Promise((resolve, reject) => asked.push({ room, ids, resolve, reject }));
  threads = new Threads({ ask, store, storage });
  threads.addEventListener("change", () => (changes += 1));
  store.reset(ME);
  threads.start("me");
  store.applySnapshot([{ id: "r", name: "Room", head: 10, read: 8, unread: 2 }]);
  store.subscribed("r", 10);
}

function page(from, to) {
  const messages = Array.from({ length: to - from + 1 }, (_, place) => posted(from + place));
  store.applyPage("r", { messages, head: 10, more_before: from > 1 }, from > 1 ? {} : { before: to + 1 });
  threads.refresh("r");
}

async function answer(question, found) {
  question.resolve(found);
  await settled();
}

test("each page asks once about its messages, a hundred at a time, and nothing about what is known", async () => {
  page(6, 10);
  assert.deepEqual(asked.map(({ ids }) => ids), [["r-6", "r-7", "r-8", "r-9", "r-10"]]);
  threads.refresh("r");
  await answer(asked[0], { "r-7": summary(3, 8) });
  assert.deepEqual([told("r-7"), told("r-6")], [[3, 8, "ben", false], undefined]);
  page(1, 5);
  threads.refresh("r");
  assert.deepEqual(asked.slice(1).map(({ ids }) => ids), [["r-1", "r-2", "r-3", "r-4", "r-5"]]);

  const many = Array.from({ length: 230 }, (_, place) => posted(100 + place));
  store.applyPage("r", { messages: many, head: 400, more_before: true });
  threads.refresh("r");
  assert.deepEqual(asked.slice(2).map(({ ids }) => ids.length), [100, 100, 30]);
});

test("replies in a thread are asked nothing about, and what failed is asked for again", async () => {
  store.applyPage("r", { messages: [posted(9), posted(10, { thread: "r-9", broadcast: true })], head: 10, more_before: true });
  threads.refresh("r");
  asked[0].reject(Object.assign(new Error(), { code: "connection.lost" }));
  await settled();
  threads.refreshAll();
  assert.equal(asked.length, 1); // nobody looks at the room
  store.room("r").opened = true;
  threads.refreshAll();
  assert.deepEqual(asked.map(({ ids }) => ids), [["r-9"], ["r-9"]]);
});

test("a later reply adds one, the last author first, and one that was counted adds none", async () => {
  page(6, 10);
  store.applyEvent(reply(11, "r-9", CHO));
  store.applyEvent(reply(12, "r-10"));
  store.applyEvent(reply(13, "r-9", ME));
  await answer(asked[0], { "r-9": summary(2, 11, [CHO, BEN]) });
  assert.deepEqual([told("r-9"), told("r-10")], [[3, 13, "me cho ben", false], [1, 12, "ben", true]]);
  store.applyEvent(posted(14));
  store.applyEvent(reply(15, "r-14"));
  store.applyEvent(reply(16, "r-9", { id: "dan", name: "Dan" }));
  assert.deepEqual([told("r-14"), told("r-9")], [[1, 15, "ben", true], [4, 16, "dan me cho", true]]);
});

test("a thread has something new until its newest reply was in sight, after a reload, too", async () => {
  const read = [];
  const listen = () => threads.addEventListener("read", ({ detail }) => read.push(detail));
  listen();
  page(6, 10);
  await answer(asked[0], { "r-6": summary(1, 7), "r-7": summary(2, 9) });
  assert.deepEqual([told("r-6")[3], told("r-7")[3]], [false, true]); // 8 was read
  store.markRead("r");
  begin();
  listen();
  store.applySnapshot([{ id: "r", name: "Room", head: 10, read: 10 }]);
  store.room("r").readAtFirst = 10;
  page(6, 10);
  await answer(asked[0], { "r-7": summary(2, 9) });
  assert.equal(told("r-7")[3], true);
  threads.markSeen("r", "r-7", 9);
  threads.markSeen("r", "r-7", 9);
  assert.deepEqual([told("r-7")[3], read], [false, [{ room: "r", thread: "r-7", seq: 9 }]]);
  store.applyEvent(reply(11, "r-7"));
  assert.equal(told("r-7")[3], true);
  store.applyEvent(reply(12, "r-7", ME)); // from another device
  assert.equal(told("r-7")[3], false);
});

test("a reply that came to a thread that was never open is new after a reload, too", async () => {
  page(6, 10);
  await answer(asked[0], { "r-7": summary(2, 7) });
  store.applyEvent(reply(11, "r-7"));
  begin();
  store.room("r").readAtFirst = 11;
  page(6, 10);
  await answer(asked[0], { "r-7": summary(3, 11), "r-6": summary(1, 11) });
  assert.deepEqual([told("r-7")[3], told("r-6")[3]], [true, false]);
});

test("what people say whom one blocks is nothing new", async () => {
  store.block(new Set(["ben"]));
  page(6, 10);
  await answer(asked[0], { "r-9": summary(1, 10) });
  store.applyEvent(reply(11, "r-9"));
  assert.deepEqual(told("r-9"), [2, 11, "ben", false]);
});

test("messages that are forgotten are asked about anew, and a late answer about them counts no more", async () => {
  page(6, 10);
  store.forgetMessages("r");
  store.subscribed("r", 10);
  page(6, 10);
  await answer(asked[0], { "r-9": summary(1, 10) });
  assert.equal(threads.of("r", "r-9"), null);
  await answer(asked[1], { "r-9": summary(2, 10) });
  assert.equal(told("r-9")[0], 2);
});

test("what was seen goes with a sign-out, and counts for nobody else", () => {
  threads.markSeen("r", "r-9", 10);
  threads.start("ben");
  assert.equal(threads.seen("r", "r-9"), 8);
  threads.start("me");
  assert.equal(threads.seen("r", "r-9"), 10);
  threads.reset({ isAsked: true });
  threads.start("me");
  assert.equal(threads.seen("r", "r-9"), 8);
});

test("the reader's own last messages are known by their client_id", () => {
  store.applyEvent(reply(11, "r-9", ME));
  assert.deepEqual([threads.postedAs("c11"), threads.postedAs("c10")], ["r-11", null]);
  for (let seq = 12; seq < 62; seq += 1) store.applyEvent(posted(seq, { author: ME }));
  assert.deepEqual([threads.postedAs("c11"), threads.postedAs("c12")], [null, "r-12"]);
});

test("this device knows of the last 300 threads", () => {
  for (let seq = 11; seq < 311; seq += 1) threads.markSeen("r", `r-${seq}`, 1_000 + seq);
  threads.markSeen("r", "r-11", 2_000);
  threads.markSeen("r", "r-311", 2_000);
  begin();
  assert.deepEqual(["r-11", "r-12", "r-13"].map((id) => threads.seen("r", id)), [2_000, 8, 1_013]);
});

test("of messages that are not here any more nothing stays known, but of threads that were open", async () => {
  page(6, 10);
  await answer(asked[0], { "r-6": summary(1, 7), "r-7": summary(1, 8) });
  threads.opened.set("r-7", { end: () => {} });
  for (let seq = 11; seq < 900; seq += 1) store.applyEvent(posted(seq));
  assert.deepEqual([told("r-6"), told("r-7")], [undefined, [1, 8, "ben", false]]);
  store.applyEvent(reply(900, "r-899"));
  assert.equal(told("r-899")[0], 1);
  for (let from = 1_000; from < 2_000; from += 100) {
    store.applyPage("r", { messages: Array.from({ length: 100 }, (_, place) => posted(from + place)), head: 3_000, more_before: true });
    threads.refresh("r");
    await answer(asked.at(-1), {});
  }
  store.applyPage("r", { messages: [posted(1_000), posted(1_999)], head: 3_000, more_before: true });
  threads.refresh("r");
  assert.deepEqual(asked.at(-1).ids, ["r-1000"]);
});

test("nothing is noted of a room of which nothing was shown", () => {
  store.applyEvent(posted(11));
  page(6, 10);
  store.room("r").messages.push(posted(11));
  threads.refresh("r");
  assert.deepEqual(asked.at(-1).ids, ["r-11"]);
});
