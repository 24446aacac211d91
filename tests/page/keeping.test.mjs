import assert from "node:assert/strict";
import { test } from "node:test";
import { Keeping, listed, pageOf } from "../../static/lib/keeping.js";
import { Kept } from "../../static/lib/kept.js";
import { RoomsStore } from "../../static/lib/rooms-store.js";
import { covers } from "../../static/lib/window.js";

const ME = { id: "me", name: "Me" };
const message = (seq, body = `m${seq}`) => ({ id: `x-${seq}`, seq, at: "2020-01-01T00:00:00Z", author: { id: "o" }, body });

function filled(count, { head = count, body } = {}) {
  const store = new RoomsStore();
  store.reset(ME);
  store.applySnapshot([
    { id: "r", name: "R", kind: "public", head, joined: true, read: 1 },
    { id: "new", name: "New", kind: "public", head: head + 1, joined: true },
    { id: "other", name: "Other", kind: "public", head: 1, joined: false },
  ]);
  store.subscribed("r", head);
  const messages = Array.from({ length: count }, (_, index) => message(head - count + index + 1, body));
  store.applyPage("r", { messages, head, more_before: false });
  return store;
}

test("what is kept is shown again as it was", () => {
  const store = filled(3);
  const page = pageOf(store.room("r"), "e", 7);
  assert.deepEqual([page.seq, page.complete, page.at], [3, true, 7]);
  const later = new RoomsStore();
  later.reset(ME);
  later.restore({ epoch: "e", rooms: listed(store), pages: new Map([["r", page]]) });
  assert.deepEqual([...later.rooms.keys()], ["new", "r"]); // the newest first, and only those of the reader
  assert.deepEqual(later.room("r").messages, store.room("r").messages);
  assert.deepEqual(later.positions(), { r: 3, new: 4 });
  assert.equal(later.room("new").loaded, false);
  assert.equal(later.applyEvent({ ev: "message.posted", room: "r", ...message(4) }), "applied");
  assert.equal(later.room("r").messages.length, 4);
});

test("of what is kept it is not known where replies in threads are, until a page tells", () => {
  const store = filled(3);
  const reply = { ...message(4), thread: "x-1" };
  store.applyEvent({ ev: "message.posted", room: "r", ...reply });
  assert.ok(covers(store.room("r"), 4));
  const later = new RoomsStore();
  later.reset(ME);
  later.restore({ epoch: "e", rooms: listed(store), pages: new Map([["r", pageOf(store.room("r"), "e")]]) });
  const room = later.room("r");
  assert.deepEqual([1, 2, 3, 4].map((seq) => covers(room, seq)), [true, true, true, false]);
  later.applyEvent({ ev: "message.posted", room: "r", ...message(5), thread: "x-1" });
  assert.deepEqual([covers(room, 5), room.threadOf.get(5)], [true, "x-1"]);
  later.applyPage("r", { messages: [...store.room("r").messages, reply], head: 5, more_before: false });
  assert.deepEqual([covers(room, 4), room.threadOf.get(4)], [true, "x-1"]);
});

test("messages of another log are not shown", () => {
  const store = filled(3);
  const later = new RoomsStore();
  later.restore({ epoch: "new", rooms: listed(store), pages: new Map([["r", pageOf(store.room("r"), "old")]]) });
  assert.deepEqual([later.room("r").loaded, later.room("r").messages], [false, []]);
});

test("a room keeps a page, less if its messages are long, and nothing before they are there", () => {
  const many = pageOf(filled(80).room("r"), "e");
  assert.deepEqual([many.messages.length, many.messages.at(-1).seq, many.complete], [50, 80, false]);
  const long = pageOf(filled(10, { body: "x".repeat(20_000) }).room("r"), "e");
  assert.deepEqual([long.messages.length, long.messages.at(-1).seq, long.complete], [3, 10, false]);
  const store = filled(3);
  assert.equal(pageOf(store.room("new"), "e"), null);
  assert.equal(pageOf(store.room("other"), "e"), null);
  assert.equal(pageOf(undefined, "e"), null);
});

test("only so many rooms are kept, those with the newest events", () => {
  const store = new RoomsStore();
  store.applySnapshot(Array.from({ length: 600 }, (_, head) => ({ id: `r${head}`, head, joined: true })));
  const rooms = listed(store);
  assert.deepEqual([rooms.length, rooms[0].id, rooms.at(-1).id], [500, "r599", "r100"]);
});

test("what is preferred is kept with the rooms, and favourites before others", () => {
  const store = new RoomsStore();
  store.applySnapshot(Array.from({ length: 600 }, (_, head) => ({ id: `r${head}`, head, joined: true })));
  const preferred = { favourite: true, section: "Work", muted: true, unread: true };
  store.prefer("r0", preferred);
  const rooms = listed(store);
  assert.deepEqual([rooms.length, rooms[0].id, rooms[1].id], [500, "r0", "r599"]);
  const later = new RoomsStore();
  later.reset(ME);
  later.restore({ epoch: "e", rooms, pages: new Map() });
  assert.deepEqual([later.room("r0").prefers, later.room("r599").prefers.favourite], [preferred, false]);
  later.applySnapshot([{ id: "r0", head: 1 }]);
  assert.deepEqual(later.room("r0").prefers, preferred); // until the server has told
  later.applyPreferences(new Map());
  assert.equal(later.room("r0").prefers.section, "");
});

test("who is blocked, and with whom one talks alone, is known again without a network", async () => {
  const store = filled(3);
  store.applySnapshot([{ id: "d", name: "Bob", kind: "direct", head: 1, other: "bob" }]);
  store.block(new Set(["bob", "eve"]));
  let written = null;
  const keeping = new Keeping({ kept: { write: async (state) => (written = structuredClone(state)) }, store, epoch: () => "e" });
  keeping.start(ME);
  await keeping.flush();
  const later = new RoomsStore();
  later.reset(ME);
  later.restore({ ...written, pages: new Map() });
  assert.deepEqual([[...later.blocked], later.room("d").other], [["bob", "eve"], "bob"]);
  later.restore({ epoch: "e", rooms: [], pages: new Map() }); // kept before anybody could be blocked
  assert.equal(later.blocked.size, 0);
  store.block(new Set());
  await keeping.flush();
  assert.deepEqual(written.blocked, []);
});

test("what changes is kept once somebody is known, and nothing after the session", async () => {
  const written = [];
  const kept = { write: async (state, pages) => written.push([state.me.id, [...pages.keys()]]), clear: async () => written.push("cleared") };
  const store = filled(3);
  let epoch = null;
  const keeping = new Keeping({ kept, store, epoch: () => epoch });
  store.addNote("r", { command: "/x", text: "y" });
  await keeping.flush();
  keeping.start(ME);
  await keeping.flush(); // the log is not known yet
  assert.deepEqual(written, []);
  epoch = "e";
  await keeping.flush(); // what changed before anybody was known, too
  await keeping.flush(); // nothing has changed since
  assert.deepEqual(written, [["me", ["r"]]]);
  store.addNote("r", { command: "/x", text: "y" });
  await keeping.stop();
  await keeping.flush();
  assert.deepEqual(written, [["me", ["r"]], "cleared"]);
});

test("storage that is blocked, broken or never answers is as if nothing were kept", async (test) => {
  test.mock.method(console, "info", () => {});
  const refusing = () => {
    const request = { error: new Error("no") };
    queueMicrotask(() => request.onerror());
    return request;
  };
  const blocked = () => {
    throw new DOMException("blocked", "SecurityError");
  };
  for (const factory of [blocked, () => undefined, () => ({ open: refusing })]) {
    const kept = new Kept(factory);
    assert.equal(await kept.read(), null);
    await kept.write({ me: ME, epoch: "e", rooms: [] }, new Map());
    await kept.clear();
  }
  assert.equal(await new Kept(() => ({ open: () => ({}) })).read(), null);
});
