import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { reactedBy } from "../../static/lib/changes.js";
import { RoomsStore, TYPING_MS } from "../../static/lib/rooms-store.js";
import { covers } from "../../static/lib/window.js";

const ME = { id: "me", username: "aya" };
const BEN = { id: "ben", name: "Ben" };
const posted = (seq, body = `text ${seq}`, author = BEN, more = {}) => ({
  ev: "message.posted", room: "r", seq, id: `r-${seq}`, author, at: "2026-01-01T00:00:00.000Z", body, client_id: `c${seq}`, ...more,
});
const listed = (more = {}) => ({ id: "r", name: "Room", kind: "public", head: 10, read: 8, unread: 2, mentions: 0, ...more });
const page = (...seqs) => ({ messages: seqs.map((seq) => ({ ...posted(seq), reactions: {} })), head: Math.max(10, ...seqs) });
const seqs = () => store.room("r").messages.map(({ seq }) => seq);
const bodies = (store) => store.room("r").messages.map(({ body }) => body);

let store;
beforeEach(() => {
  store = new RoomsStore();
  store.reset(ME);
  store.applySnapshot([listed()]);
  store.subscribed("r", 10);
});

test("the snapshot says what is unread", () => {
  assert.equal(store.room("r").unread, 2);
  assert.deepEqual(store.positions(), { r: 10 });
});

test("rooms that a snapshot leaves out are gone, open public ones are not joined", () => {
  store.applySnapshot([listed({ id: "p", joined: false })]);
  assert.equal(store.room("r"), undefined);
  assert.equal(store.room("p").joined, false);
  assert.deepEqual(store.positions(), {});
});

test("a room that one looks at stays, though lists leave it out, until it is on one, or deleted", () => {
  const visited = listed({ id: "p", joined: false, archived: true });
  store.visit(visited);
  store.applySnapshot([listed()]);
  assert.equal(store.room("p").archived, true);
  store.applySnapshot([listed(), listed({ id: "p" })]);
  assert.equal(store.room("p").joined, true);
  store.applySnapshot([listed()]);
  assert.equal(store.room("p"), undefined);
  store.visit(visited);
  store.drop("p");
  store.applySnapshot([listed()]);
  assert.equal(store.room("p"), undefined);
  store.visit(visited);
  store.reset(ME);
  store.applySnapshot([listed()]);
  assert.equal(store.room("p"), undefined);
});

test("what was attached goes with its room, and with a sign-out", () => {
  const removed = [];
  const attach = (id) => store.room(id).attached.add("files", null, { label: "a", removed: () => removed.push(id) });
  attach("r");
  store.applySnapshot([listed({ id: "p" })]);
  assert.deepEqual(removed, ["r"]);
  attach("p");
  store.applySnapshot([listed({ id: "p" })]);
  assert.deepEqual(removed, ["r"]);
  store.reset();
  assert.deepEqual([removed, store.rooms.size], [["r", "p"], 0]);
});

test("a message from others is one more unread, my own is not", () => {
  store.applyEvent(posted(11));
  store.applyEvent(posted(12, "mine", { id: "me", name: "Aya" }));
  assert.equal(store.room("r").unread, 3);
});

test("replayed events that the snapshot counted are not counted again", () => {
  store.applyPage("r", page(9, 10));
  store.applySnapshot([listed({ head: 13, unread: 5 })]); // after a reconnect
  assert.deepEqual(store.positions(), { r: 10 });
  for (const seq of [11, 12, 13, 14]) store.applyEvent(posted(seq));
  assert.equal(store.room("r").unread, 6);
});

test("a mention is counted", () => {
  store.applyEvent(posted(11, "@aya hello", BEN, { mentions: ["me"] }));
  store.applyEvent(posted(12, "@ben hello", BEN, { mentions: ["ben"] }));
  assert.equal(store.room("r").mentions, 1);
});

test("repeats are dropped and holes are reported, not applied", () => {
  store.applyPage("r", page(9, 10));
  assert.equal(store.applyEvent(posted(10)), "repeat");
  assert.equal(store.applyEvent(posted(12)), "hole");
  assert.equal(store.applyEvent(posted(11)), "applied");
  assert.equal(store.applyEvent(posted(12)), "applied");
  assert.deepEqual(bodies(store), ["text 9", "text 10", "text 11", "text 12"]);
});

test("events of unknown kinds move the position and nothing else", () => {
  assert.equal(store.applyEvent({ ev: "poll.opened", room: "r", seq: 11 }), "applied");
  assert.equal(store.room("r").lastSeq, 11);
  assert.equal(store.room("r").unread, 2);
});

test("pages join at the top without doubling what is there", () => {
  store.applyPage("r", { ...page(9, 10), more_before: true });
  store.applyEvent(posted(11));
  store.applyPage("r", { ...page(7, 8), more_before: true }, { before: 9 });
  assert.deepEqual(bodies(store), ["text 7", "text 8", "text 9", "text 10", "text 11"]);
  assert.equal(store.room("r").moreBefore, true);
  store.applyPage("r", { ...page(3, 4), more_before: true }, { before: 9 }); // asked for twice
  assert.deepEqual(seqs(), [7, 8, 9, 10, 11]);
  store.applyPage("r", { ...page(2), more_before: false }, { before: 7 });
  assert.deepEqual([seqs()[0], store.room("r").moreBefore], [2, false]);
});

test("a message that came while its page was loading stands there once", () => {
  store.applyPage("r", page(9, 10, 11));
  store.applyEvent(posted(11));
  assert.equal(bodies(store).length, 3);
});

test("edits, deletions and reactions fold into their message", () => {
  store.applyPage("r", page(9, 10));
  store.applyEvent({ ev: "message.edited", room: "r", seq: 11, message: "r-9", body: "better", at: "2026-01-01T00:01:00.000Z", author: BEN });
  store.applyEvent({ ev: "reaction.added", room: "r", seq: 12, message: "r-9", emoji: "👍", author: BEN });
  store.applyEvent({ ev: "reaction.added", room: "r", seq: 13, message: "r-9", emoji: "👍", author: { id: "me" } });
  store.applyEvent({ ev: "reaction.removed", room: "r", seq: 14, message: "r-9", emoji: "👍", author: BEN });
  store.applyEvent({ ev: "message.deleted", room: "r", seq: 15, message: "r-10", author: BEN });
  const [nine, ten] = store.room("r").messages;
  assert.equal(nine.body, "better");
  assert.equal(nine.edited_at, "2026-01-01T00:01:00.000Z");
  assert.deepEqual(nine.reactions, { "👍": ["me"] });
  assert.deepEqual([ten.body, ten.deleted], ["", true]);
});

test("a change of the data leaves the text and its time", () => {
  store.applyPage("r", page(9));
  const standing = () => store.room("r").messages[0];
  const nine = standing();
  const changed = { ev: "message.edited", room: "r", message: "r-9", body: nine.body, author: BEN };
  store.applyEvent({ ...changed, seq: 11, data: { poll: 1 }, at: "2026-01-01T00:01:00.000Z", edited_at: "" });
  assert.deepEqual([standing().edited_at, standing().data], ["", { poll: 1 }]);
  store.applyEvent({ ...changed, seq: 12, body: "better", data: { poll: 1 }, at: "2026-01-01T00:02:00.000Z" });
  const later = { at: "2026-01-01T00:03:00.000Z", edited_at: "2026-01-01T00:02:00.000Z" };
  store.applyEvent({ ...changed, ...later, seq: 13, body: "better", data: { poll: 2 } });
  assert.deepEqual([standing().edited_at, standing().data, standing().body], ["2026-01-01T00:02:00.000Z", { poll: 2 }, "better"]);
  store.setNote("r", "r-9", "Counted");
  assert.equal(standing().note, "Counted");
  store.applyEvent({ ev: "message.deleted", room: "r", seq: 14, message: "r-9", author: BEN });
  assert.deepEqual(standing().data, {});
  assert.deepEqual([nine.body, nine.data], ["text 9", undefined]); // changes make other objects
});

test("reading is told once, and sets the count to nothing", () => {
  store.applyEvent(posted(11));
  assert.equal(store.markRead("r"), 11);
  assert.equal(store.room("r").unread, 0);
  assert.equal(store.markRead("r"), null);
});

test("reading on another device counts down here", () => {
  store.applyPage("r", page(9, 10));
  store.applyEvent({ ev: "read", room: "r", seq: 9 });
  assert.equal(store.room("r").unread, 1);
  store.applyEvent({ ev: "read", room: "r", seq: 10 });
  assert.equal(store.room("r").unread, 0);
  assert.equal(store.room("r").lastSeq, 10);
});

test("what was read while the server counted stays read", () => {
  store.applyEvent(posted(11));
  const { moves } = store;
  store.applyEvent(posted(12));
  assert.equal(store.markRead("r"), 12);
  store.applyEvent(posted(13, "@aya", BEN, { mentions: ["me"] }));
  store.applySnapshot([listed({ head: 11, read: 8, unread: 3, mentions: 1 })], moves);
  const now = () => [store.room("r").read, store.room("r").unread, store.room("r").mentions];
  assert.deepEqual(now(), [12, 1, 1]);
  store.applySnapshot([listed({ head: 13, read: 8, unread: 5, mentions: 2 })], moves);
  assert.deepEqual(now(), [12, 1, 1]);
  store.applySnapshot([listed({ head: 13, read: 12, unread: 1, mentions: 1 })], moves);
  assert.deepEqual(now(), [12, 1, 1]);
  store.applySnapshot([listed({ head: 13, read: 8, unread: 5, mentions: 2 })]); // asked for later: the server was not told
  assert.deepEqual(now(), [8, 5, 2]);
  store.readTo("r", 13);
  assert.deepEqual(now(), [13, 0, 0]);
});

test("what came after a marker, or while the server counted, stays unread, in a room that was never opened too", () => {
  store.applyEvent(posted(11, "@aya", BEN, { mentions: ["me"] }));
  store.applyEvent(posted(12));
  store.applyEvent({ ev: "read", room: "r", seq: 10 });
  const { read, unread, mentions } = store.room("r");
  assert.deepEqual([read, unread, mentions], [10, 2, 1]);
  store.applySnapshot([listed({ head: 10, read: 10, unread: 0 })]);
  assert.deepEqual([store.room("r").unread, store.room("r").mentions], [2, 1]);
  store.applySnapshot([listed({ head: 11, read: 10, unread: 1, mentions: 1 })]);
  assert.deepEqual([store.room("r").unread, store.room("r").mentions], [2, 1]);
  store.applySnapshot([listed({ head: 11, read: 12, unread: 0 })]); // both were read meanwhile
  assert.deepEqual([store.room("r").unread, store.room("r").mentions], [0, 0]);
  store.applyEvent(posted(13));
  store.block(new Set([BEN.id]));
  store.applySnapshot([listed({ head: 12, read: 12, unread: 0 })]);
  assert.equal(store.room("r").unread, 0);
});

test("of the messages that were counted here a few are remembered, and none of another log", () => {
  for (let seq = 11; seq <= 100; seq++) store.applyEvent(posted(seq));
  store.applyEvent({ ev: "read", room: "r", seq: 20 });
  assert.equal(store.room("r").unread, 50);
  store.forgetMessages("r");
  store.applySnapshot([listed({ head: 3, read: 0, unread: 3 })]);
  assert.equal(store.room("r").unread, 3);
});

test("a change tells what it came from: the log, a marker, somebody who types", () => {
  const told = [];
  store.addEventListener("change", ({ detail }) => told.push([detail.room, detail.only]));
  store.applyEvent({ ev: "typing", room: "r", user: BEN });
  store.applyEvent({ ev: "read", room: "r", seq: 9 });
  store.applyEvent(posted(11));
  store.markRead("r");
  store.applySnapshot([listed()]);
  assert.deepEqual(told, [["r", "typing"], ["r", "read"], ["r", "event"], ["r", "read"], [null, null]]);
});

test("typing ends with time, or with the message", () => {
  store.applyEvent({ ev: "typing", room: "r", user: BEN }, 1_000);
  store.applyEvent({ ev: "typing", room: "r", user: { id: "me", name: "Aya" } }, 1_000);
  assert.deepEqual(store.typingIn("r", 2_000), { names: ["Ben"], until: 1_000 + TYPING_MS });
  assert.deepEqual(store.typingIn("r", 1_000 + TYPING_MS), { names: [], until: null });
  store.applyEvent({ ev: "typing", room: "r", user: BEN }, 1_000);
  store.applyEvent(posted(11));
  assert.deepEqual(store.typingIn("r", 1_001).names, []);
});

test("a changed room shows its new name and topic", () => {
  store.applyEvent({ ev: "room.changed", room: "r", seq: 11, name: "新しい名前", kind: "public" });
  assert.equal(store.room("r").name, "新しい名前");
  assert.equal(store.room("r").topic, "");
});

test("a room is archived from its event on, and restored by the next one", () => {
  store.applyEvent({ ev: "room.changed", room: "r", seq: 11, name: "r", kind: "public", archived: true });
  assert.equal(store.room("r").archived, true);
  assert.equal(store.mayPin("r"), false);
  store.applyEvent({ ev: "room.changed", room: "r", seq: 12, name: "r", kind: "public" });
  assert.equal(store.room("r").archived, false);
});

test("messages that the room keeps no longer leave the list, and nothing is asked for above them", () => {
  store.applyPage("r", { ...page(4, 5, 6), more: true });
  const changed = { ev: "room.changed", room: "r", name: "r", kind: "public" };
  store.applyEvent({ ...changed, seq: 11 });
  assert.deepEqual(seqs(), [4, 5, 6]);
  store.applyEvent({ ...changed, seq: 12, kept_from: 5 });
  assert.deepEqual([seqs(), store.room("r").moreBefore], [[5, 6], false]);
  store.applyEvent({ ...changed, seq: 13, kept_from: 14 });
  assert.deepEqual(seqs(), []);
});

test("a deleted room leaves the list at once, with its name, and only once", () => {
  const changes = [];
  store.addEventListener("change", ({ detail }) => changes.push(detail.room));
  store.applyEvent({ ev: "room.changed", room: "r", seq: 11, name: null, kind: "private", archived: true, deleted: true });
  changes.length = 0;
  assert.equal(store.drop("r").name, "Room");
  assert.deepEqual([store.joined(), store.drop("r"), changes], [[], null, [null]]);
});

test("who may write is everyone, unless an event or the list says otherwise", () => {
  assert.equal(store.room("r").posting, "everyone");
  store.applyEvent({ ev: "room.changed", room: "r", seq: 11, name: "r", kind: "public", posting: "moderators" });
  assert.equal(store.room("r").posting, "moderators");
  store.applyEvent({ ev: "room.changed", room: "r", seq: 12, name: "r", kind: "public" });
  assert.equal(store.room("r").posting, "everyone");
  store.applySnapshot([{ id: "r", name: "r", kind: "public", head: 12, role: "member", posting: "moderators" }]);
  assert.equal(store.room("r").posting, "moderators");
});

test("a room is of the kind that its last description says", () => {
  store.applyEvent({ ev: "room.changed", room: "r", seq: 11, name: "r", kind: "private" });
  assert.equal(store.room("r").kind, "private");
  store.applyEvent({ ev: "room.changed", room: "r", seq: 12, name: "r", kind: "public" });
  assert.equal(store.room("r").kind, "public");
});

test("another role of mine counts at once, one of somebody else's does not", () => {
  store.applyEvent({ ev: "member.changed", room: "r", seq: 11, user: BEN, role: "admin" });
  assert.equal(store.maySteer("r"), false);
  store.applyEvent({ ev: "member.changed", room: "r", seq: 12, user: ME, role: "admin" });
  assert.equal(store.maySteer("r"), true);
});

test("a long-open room forgets its oldest messages, and keeps those around somebody who reads further up", () => {
  store.applyPage("r", page(9, 10));
  for (let seq = 11; seq <= 2_000; seq++) {
    store.applyEvent(posted(seq));
    assert.ok(store.room("r").messages.length <= 400);
  }
  assert.deepEqual([seqs().at(-1), store.room("r").moreBefore, store.room("r").moreAfter], [2_000, true, false]);
  const reader = seqs()[50];
  store.hold("r", reader);
  for (let seq = 2_001; seq <= 4_000; seq++) store.applyEvent(posted(seq));
  assert.ok(store.room("r").messages.length <= 400);
  assert.ok(seqs().includes(reader) && seqs()[0] < reader);
  assert.deepEqual([store.room("r").moreAfter, store.room("r").next], [true, seqs().at(-1)]);
  assert.deepEqual(seqs(), [...seqs()].sort((a, b) => a - b));
});

test("a page around a seq takes the place of what is here, and pages are added on both sides", () => {
  const range = (from, to) => page(...Array.from({ length: to - from }, (_, place) => from + place));
  const around = (from, to, after) => ({ ...range(from, to), head: 9_000, more_before: true, more_after: true, after });
  store.subscribed("r", 9_000);
  store.applyPage("r", page(8_999, 9_000));
  store.applyPage("r", around(500, 550, 549));
  assert.deepEqual([seqs()[0], seqs().at(-1)], [500, 549]);
  assert.equal(store.applyEvent(posted(9_001)), "applied");
  assert.deepEqual([seqs().at(-1), store.room("r").unread], [549, 3]); // counted, not shown
  for (let seq = 500; seq > 50; seq -= 50) store.applyPage("r", { ...range(seq - 50, seq), head: 9_001, more_before: true }, { before: seq });
  assert.deepEqual([seqs().length, seqs()[0], seqs().at(-1)], [400, 50, 449]);
  assert.deepEqual([store.room("r").moreAfter, store.room("r").next], [true, 449]);
  store.applyPage("r", around(450, 500, 499), { after: 449 });
  assert.deepEqual([seqs().length, seqs()[0], seqs().at(-1)], [400, 100, 499]);
  store.applyPage("r", around(450, 500, 499), { after: 449 }); // late
  assert.equal(seqs().length, 400);
  store.applyPage("r", { messages: [], head: 9_001, more_before: true, more_after: true, after: 800 }, { after: 499 });
  assert.equal(store.room("r").next, 800); // nothing but other events there
});

test("what comes while a page is on its way is loaded after it", () => {
  store.applyEvent(posted(11));
  store.applyPage("r", { ...page(9, 10), more_before: true });
  assert.deepEqual([store.room("r").moreAfter, store.room("r").next], [true, 10]);
  store.applyEvent(posted(12));
  assert.deepEqual(seqs(), [9, 10]);
  store.applyPage("r", { ...page(11, 12), more_before: true, more_after: false }, { after: 10 });
  assert.deepEqual([seqs(), store.room("r").moreAfter], [[9, 10, 11, 12], false]);
  store.applyEvent(posted(13));
  assert.equal(seqs().at(-1), 13);
});

test("rooms that were left keep few messages, around the place where one read, and only the last twenty keep any", () => {
  const ids = Array.from({ length: 25 }, (_, number) => `room${number}`);
  store.applySnapshot([listed(), ...ids.map((id) => listed({ id }))]);
  store.applyPage("r", { ...page(...Array.from({ length: 400 }, (_, place) => place + 1)), more_before: false });
  store.leave("r", { seq: 200, offset: 12 });
  assert.ok(seqs().length <= 150 && seqs().includes(200) && seqs()[0] < 190 && seqs().at(-1) > 210);
  assert.equal(store.room("r").moreAfter, true);
  store.enter("r");
  for (const id of ids) {
    store.applyPage(id, page(9, 10));
    store.leave(id, null);
  }
  assert.deepEqual(ids.filter((id) => store.room(id).loaded).length, 20);
  assert.equal(store.room("room0").loaded, false);
  assert.equal(store.room("r").loaded, true); // it is shown
  assert.deepEqual(store.room("r").place, { seq: 200, offset: 12 });
});

test("a refused message keeps the place where it was refused", () => {
  const failed = { client_id: "a", state: "failed" };
  store.placeRefused("r", [failed, { client_id: "b", state: "pending" }]);
  store.applyEvent(posted(11));
  store.placeRefused("r", [failed, { client_id: "b", state: "failed" }]);
  assert.deepEqual([...store.room("r").refused], [["a", 10], ["b", 11]]);
  store.placeRefused("r", [{ client_id: "a", state: "pending" }]);
  assert.equal(store.room("r").refused.size, 0);
});

test("a reaction may be called like what every object has", () => {
  store.applyPage("r", page(9, 10));
  const standing = () => store.room("r").messages[0];
  const message = standing();
  let seq = 10;
  for (const emoji of ["constructor", "__proto__", "toString", "hasOwnProperty", "1"]) {
    const event = (ev) => ({ ev, room: "r", seq: ++seq, author: BEN, message: message.id, emoji });
    assert.deepEqual(reactedBy(message, emoji), []);
    assert.equal(store.applyEvent(event("reaction.added")), "applied");
    assert.deepEqual(reactedBy(standing(), emoji), ["ben"]);
    assert.ok(Object.entries(standing().reactions).some(([key]) => key === emoji));
    assert.equal(store.applyEvent(event("reaction.removed")), "applied");
    assert.deepEqual(reactedBy(standing(), emoji), []);
    assert.deepEqual(Object.entries(standing().reactions), []);
  }
});

test("replies that are in a thread alone are no part of the room, and not unread in it", () => {
  const reply = (seq, more = {}) => posted(seq, `text ${seq}`, BEN, { thread: "r-5", ...more });
  store.applyPage("r", { messages: [reply(8), posted(9), reply(10, { broadcast: true })], head: 10, more_before: true });
  store.applyEvent(reply(11, { mentions: ["me"] }));
  store.applyEvent(reply(12, { broadcast: true }));
  assert.deepEqual([seqs(), store.room("r").unread, store.room("r").mentions], [[9, 10, 12], 3, 0]);
  assert.deepEqual([...store.room("r").threadOf], [[8, "r-5"], [11, "r-5"]]);
  store.applyPage("r", { messages: [reply(6), reply(7)], head: 12, more_before: true }, { before: 9 }); // not where they begin
  store.applyPage("r", { messages: [reply(6), reply(7)], head: 12, more_before: true }, { before: 8 });
  assert.deepEqual([seqs(), store.room("r").prev], [[9, 10, 12], 6]);
  store.applyPage("r", { messages: [posted(4), posted(5)], head: 12, more_before: false }, { before: 6 });
  assert.deepEqual([seqs(), store.room("r").threadOf.get(7), covers(store.room("r"), 7)], [[4, 5, 9, 10, 12], "r-5", true]);
});

test("of replies outside of what is here nothing is known", () => {
  const many = Array.from({ length: 500 }, (_, place) => posted(place + 1, "", BEN, place % 5 ? {} : { thread: "r-2" }));
  store.applyPage("r", { messages: many, head: 500, more_before: false });
  const room = store.room("r");
  assert.deepEqual([room.messages.length, room.threadOf.size], [400, 100]);
  store.subscribed("r", 500);
  for (const seq of [501, 502]) store.applyEvent(posted(seq));
  assert.deepEqual([room.messages.length, room.prev, room.moreBefore], [301, room.messages[0].seq, true]);
  assert.ok([...room.threadOf.keys()].every((seq) => seq >= room.prev));
  assert.equal(covers(room, room.prev - 1), false);
});

test("pages forwards and backwards leave out replies, and know them as long as their place is here", () => {
  const mixed = (from, to) => Array.from({ length: to - from + 1 }, (_, place) => posted(from + place, "", BEN, place % 2 ? { thread: "r-2" } : {}));
  const room = store.room("r");
  store.applyPage("r", { messages: mixed(501, 510), head: 2_000, more_before: true, more_after: true, after: 510 });
  store.applyPage("r", { messages: mixed(511, 520), head: 2_000, more_before: true, more_after: true, after: 520 }, { after: 510 });
  assert.deepEqual([seqs(), room.threadOf.get(512), room.threadOf.get(513)], [[501, 503, 505, 507, 509, 511, 513, 515, 517, 519], "r-2", undefined]);
  const older = Array.from({ length: 398 }, (_, place) => posted(103 + place));
  store.applyPage("r", { messages: older, head: 2_000, more_before: true }, { before: 501 });
  assert.deepEqual([room.messages.length, room.next, room.threadOf.has(502), room.threadOf.has(512)], [400, 503, true, false]);
});

test("what was kept is gone on from, though nothing of its newest page was said in the room", () => {
  store.restore({ epoch: "e", rooms: [listed({ id: "k" })], pages: new Map([["k", { epoch: "e", seq: 9, messages: [], complete: false }]]) });
  assert.deepEqual([store.room("k").prev, store.room("k").moreBefore], [10, true]);
});
