import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { Blocks } from "../../static/lib/blocks.js";
import { RoomsStore } from "../../static/lib/rooms-store.js";
import { Timeline } from "../../static/lib/timeline.js";

const ME = { id: "me", name: "Aya" };
const BOB = { id: "bob", name: "Bob" };
const CARL = { id: "carl", name: "Carl" };
const posted = (seq, author, more = {}) => ({ ev: "message.posted", room: "r", seq, id: `r-${seq}`, author, at: "2026-01-01T00:00:00.000Z", body: `text ${seq}`, client_id: `c${seq}`, ...more });
let store, blocks, asked, answers, told, refreshed;

const connection = {
  request: async (op, fields = {}) => {
    asked.push({ op, ...fields });
    const answer = await answers[op]?.();
    if (answer instanceof Error) throw answer;
    return answer ?? {};
  },
};

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
  asked = [];
  told = [];
  refreshed = 0;
  answers = { blocks: () => ({ users: [{ id: "bob", name: "Bob" }] }) };
  store = new RoomsStore();
  store.reset(ME);
  store.applySnapshot([{ id: "r", name: "Room", kind: "public", head: 10, read: 10 }, { id: "d", name: "Bob", kind: "direct", head: 1, other: "bob" }]);
  store.subscribed("r", 10);
  store.applyPage("r", { messages: [], head: 10, more_before: false });
  store.addEventListener("blocked", () => told.push([...store.blocked]));
  const refresh = () => {
    refreshed += 1;
    return Promise.reject(new Error("lost"));
  };
  blocks = new Blocks({ connection, store, refresh });
});

test("those whom the server names are blocked, and are told once", async () => {
  await blocks.load();
  await blocks.load();
  assert.deepEqual(told, [["bob"]]);
  answers.blocks = () => ({ users: [{ id: "carl" }] });
  await blocks.load();
  answers.blocks = () => ({});
  await blocks.load(); // what is no list changes nothing
  answers.blocks = () => ({ users: [] });
  await blocks.load();
  assert.deepEqual(told, [["bob"], ["carl"], []]);
  mock.timers.tick(10_000);
  assert.equal(refreshed, 0); // the list of rooms comes with the answer
});

test("what is told while the list is loading is newer than it, and of two lists the later one counts", async () => {
  let answer;
  answers.blocks = () => new Promise((resolve) => (answer = resolve));
  const loading = blocks.load();
  await Promise.resolve();
  blocks.applyEvent({ user: "carl", blocked: true });
  blocks.applyEvent({ user: "bob", blocked: false });
  answer({ users: [{ id: "bob" }, { id: "eve" }] });
  await loading;
  assert.deepEqual([...store.blocked].sort(), ["carl", "eve"]);
  const early = blocks.load();
  await Promise.resolve();
  const answerEarly = answer;
  const late = blocks.load();
  await Promise.resolve();
  answer({ users: [] });
  answerEarly({ users: [{ id: "bob" }] });
  await Promise.all([early, late]);
  assert.deepEqual([...store.blocked], []);
});

test("blocking counts from the answer on, a refusal changes nothing", async () => {
  await blocks.add("bob");
  await blocks.add("carl");
  await blocks.remove("bob");
  assert.deepEqual(asked, [{ op: "block", user: "bob" }, { op: "block", user: "carl" }, { op: "unblock", user: "bob" }]);
  assert.deepEqual(told, [["bob"], ["bob", "carl"], ["carl"]]);
  answers.block = answers.unblock = () => Object.assign(new Error("no"), { code: "user.forbidden" });
  await assert.rejects(blocks.add("eve"), { code: "user.forbidden" });
  await assert.rejects(blocks.remove("carl"), { code: "user.forbidden" });
  assert.deepEqual([...store.blocked], ["carl"]);
});

test("the numbers of rooms are asked for once, when all nodes of the server know of a change", async () => {
  blocks.applyEvent({ user: "bob", blocked: true });
  blocks.applyEvent({ user: "carl", blocked: true });
  mock.timers.tick(999);
  assert.equal(refreshed, 0);
  mock.timers.tick(1);
  await Promise.resolve();
  blocks.applyEvent({ user: "bob", blocked: true }); // nothing new
  mock.timers.tick(10_000);
  assert.equal(refreshed, 1);
  blocks.applyEvent({ user: "bob", blocked: false });
  mock.timers.tick(1_000);
  assert.equal(refreshed, 2);
});

test("nothing is left for who signs in next", async () => {
  let answer;
  answers.blocks = () => new Promise((resolve) => (answer = resolve));
  const loading = blocks.load();
  await Promise.resolve();
  blocks.applyEvent({ user: "carl", blocked: true });
  blocks.reset();
  store.reset({ id: "other" });
  answer({ users: [{ id: "bob" }] });
  await loading;
  mock.timers.tick(10_000);
  assert.deepEqual([store.blocked.size, refreshed], [0, 0]);
  blocks.applyEvent({ user: "bob", blocked: true });
  mock.timers.tick(1_000);
  assert.equal(refreshed, 1);
});

test("messages of somebody blocked are never unread, and mention nobody", () => {
  store.block(new Set(["bob"]));
  store.applyEvent(posted(11, BOB, { mentions: ["me"] }));
  const room = store.room("r");
  assert.deepEqual([room.unread, room.mentions], [0, 0]);
  store.applyEvent(posted(12, CARL, { mentions: ["me"] }));
  store.applyEvent(posted(13, CARL));
  store.applyEvent(posted(14, BOB));
  assert.deepEqual([room.unread, room.mentions], [2, 1]);
  store.applyEvent({ ev: "read", room: "r", seq: 12 }); // in another tab
  assert.equal(room.unread, 1);
  store.applyEvent({ ev: "read", room: "r", seq: 13 });
  assert.equal(room.unread, 0);
});

test("nobody sees somebody blocked type", () => {
  const type = (user) => store.applyEvent({ ev: "typing", room: "r", user }, 1_000);
  type(BOB);
  type(CARL);
  assert.deepEqual(store.typingIn("r", 1_001).names, ["Bob", "Carl"]);
  store.block(new Set(["bob"]));
  assert.deepEqual(store.typingIn("r", 1_001).names, ["Carl"]);
  type(BOB);
  assert.deepEqual(store.typingIn("r", 1_001).names, ["Carl"]);
});

test("whom one blocks is told to those who draw the list of rooms, too", () => {
  const changes = [];
  store.addEventListener("change", ({ detail }) => changes.push(detail.room));
  assert.equal(store.block(new Set(["bob"])), true);
  assert.equal(store.block(new Set(["bob"])), false);
  assert.equal(store.block(new Set(["carl"])), true);
  assert.deepEqual(changes, [null, null]);
});

test("texts of somebody blocked are folded, and so are quotes of them, but for those that are to be shown", () => {
  const messages = [posted(1, BOB), posted(2, CARL, { reply_to: "r-1" }), posted(3, BOB), posted(4, BOB, { deleted: true }), posted(5, CARL, { reply_to: "r-2" }), posted(6, CARL, { reply_to: "r-4" })];
  const room = { messages, newFrom: null, moreBefore: false, moreAfter: false, refused: new Map() };
  const timeline = new Timeline();
  const folds = (blocked, unfolded = []) =>
    timeline
      .entries(room, [], ME, { blocked: new Set(blocked), unfolded: new Set(unfolded) })
      .filter(({ kind }) => kind === "message")
      .map(({ folded, quoteFolded }) => [folded && "text", quoteFolded && "quote"].filter(Boolean).join());
  assert.deepEqual(folds([]), ["", "", "", "", "", ""]);
  assert.deepEqual(folds(["bob"]), ["text", "quote", "text", "", "", ""]);
  assert.deepEqual(folds(["bob"], ["r-1"]), ["", "", "text", "", "", ""]);
  assert.deepEqual(folds(["carl"]), ["", "text", "", "", "text,quote", "text"]);
});

test("the line of new messages stands above the first that is unread", () => {
  const messages = [posted(1, CARL), posted(2, BOB), posted(3, CARL)];
  const room = { messages, newFrom: 1, moreBefore: false, moreAfter: false, refused: new Map() };
  const entries = new Timeline().entries(room, [], ME, { blocked: new Set(["bob"]), unfolded: new Set(["r-2"]) });
  assert.deepEqual(entries.map(({ kind, message }) => message?.seq ?? kind), ["day", 1, 2, "new", 3]);
});
