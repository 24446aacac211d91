import assert from "node:assert/strict";
import { test } from "node:test";
import { Timeline } from "../../static/lib/timeline.js";

const me = { id: "me", name: "Aya" };
const ben = { id: "ben", name: "Ben" };
const message = (seq, author, at, more = {}) => ({ seq, id: `r-${seq}`, author, at, client_id: `c${seq}`, body: "", ...more });
const room = (more) => ({ newFrom: null, moreBefore: false, moreAfter: false, refused: new Map(), notes: [], ...more });
const minute = (number) => new Date(Date.UTC(2026, 0, 1, 12, number)).toISOString();
const told = (entries) => entries.map(({ kind, grouped, message: { seq, client_id } = {} }) => (kind === "message" ? `${seq ?? client_id}${grouped ? " grouped" : ""}` : kind));

test("the list has a line for each day, one where reading stopped, and groups one author's messages", () => {
  const messages = [
    message(1, ben, "2026-01-01T12:00:00Z"),
    message(2, ben, "2026-01-01T12:01:00Z"),
    message(3, me, "2026-01-01T12:02:00Z"),
    message(4, ben, "2026-01-03T12:00:00Z"),
    message(5, ben, "2026-01-03T12:10:00Z"),
  ];
  const outgoing = [{ client_id: "out", at: "2026-01-03T12:11:00Z", body: "", state: "pending" }];
  const items = new Timeline().entries(room({ messages, newFrom: 2 }), outgoing, me);
  assert.deepEqual(
    items.map(({ kind, grouped, message: { seq } = {} }) => (kind === "message" ? `${seq ?? "out"}${grouped ? " grouped" : ""}` : kind)),
    ["day", "1", "2 grouped", "3", "day", "new", "4", "5", "out"],
  );
  const arrived = new Timeline().entries(room({ messages: [{ ...outgoing[0], seq: 6, author: me }] }), [], me);
  assert.equal(arrived.at(-1).key, items.at(-1).key);
});

test("a group ends five minutes after its first message, however often its author writes", () => {
  const messages = [0, 4, 8, 12].map((at, place) => message(place + 1, ben, minute(at)));
  assert.deepEqual(told(new Timeline().entries(room({ messages }), [], me)), ["day", "1", "2 grouped", "3", "4 grouped"]);
});

test("the line of new messages stands nowhere while the place where it begins is not here", () => {
  const messages = [5, 6].map((seq) => message(seq, ben, minute(seq)));
  const lines = (more) => told(new Timeline().entries(room({ messages, ...more }), [], me)).filter((each) => each === "new").length;
  assert.equal(lines({ newFrom: 2, moreBefore: true }), 0);
  assert.equal(lines({ newFrom: 2 }), 1);
  assert.equal(lines({ newFrom: 5, moreBefore: true }), 1);
});

test("a refused message stands where it was refused, and what comes later below it", () => {
  const messages = [1, 2, 3].map((seq) => message(seq, ben, minute(seq)));
  const failed = { client_id: "failed", at: "2027-01-01T00:00:00Z", body: "", state: "failed" }; // the clock is wrong
  const pending = { client_id: "pending", at: minute(4), body: "", state: "pending" };
  const refused = new Map([["failed", 2]]);
  assert.deepEqual(told(new Timeline().entries(room({ messages, refused }), [failed, pending], me)), ["day", "1", "2 grouped", "failed", "3", "pending"]);
  const [earlier, later] = [{ moreAfter: true }, { moreBefore: true }];
  const part = (some, more) => told(new Timeline().entries(room({ messages: some, refused, ...more }), [failed, pending], me));
  assert.deepEqual(part(messages.slice(0, 1), earlier), ["day", "1"]);
  assert.deepEqual(part(messages.slice(2), later), ["day", "3", "pending"]);
  assert.deepEqual(part(messages.slice(1), later), ["day", "2", "failed", "3", "pending"]);
});

test("what did not change is the same object again", () => {
  const shown = new Timeline();
  const messages = [1, 2, 3].map((seq) => message(seq, ben, minute(seq), seq === 3 ? { reply_to: "r-1" } : {}));
  const outgoing = [{ client_id: "out", at: minute(4), body: "", state: "pending" }];
  const before = shown.entries(room({ messages }), outgoing, me);
  const same = (entries) => entries.map((entry, place) => entry === before[place]);
  assert.deepEqual(same(shown.entries(room({ messages: [...messages] }), outgoing, me)), [true, true, true, true, true]);
  outgoing[0].state = "sent"; // the outbox changes its entries
  const changed = messages.with(0, { ...messages[0], body: "better" });
  const after = shown.entries(room({ messages: changed }), outgoing, me);
  assert.deepEqual(same(after), [true, false, true, false, false]); // the third quotes the first
});

test("a message tells of its thread, and one of a thread stands apart in the room", () => {
  const messages = [message(1, ben, minute(1)), message(2, ben, minute(2)), message(3, ben, minute(3), { thread: "r-1", broadcast: true }), message(4, ben, minute(4))];
  const summary = { count: 1 };
  const entries = new Timeline().entries(room({ messages }), [], me, undefined, (id) => (id === "r-1" || id === "r-3" ? summary : null));
  assert.deepEqual(told(entries), ["day", "1", "2 grouped", "3", "4"]);
  assert.deepEqual(entries.slice(1).map(({ thread }) => thread), [summary, null, null, null]);
});

test("in a thread the number of replies follows the root, and groups begin below it", () => {
  const messages = [message(1, ben, minute(1)), ...[2, 3].map((seq) => message(seq, ben, minute(seq), { thread: "r-1", broadcast: seq === 3 }))];
  const list = (more) => told(new Timeline().entries(room({ messages, root: "r-1", ...more }), [], me));
  assert.deepEqual(list({ count: 2 }), ["day", "1", "replies", "2", "3 grouped"]);
  assert.deepEqual(list({ count: 0 }), ["day", "1", "2", "3 grouped"]);
});

test("the line of new messages is due from where the page begins, though nothing of its beginning is shown", () => {
  const messages = [message(9, ben, minute(9))];
  const lines = (prev) => told(new Timeline().entries(room({ messages, moreBefore: true, newFrom: 5, prev }), [], me)).filter((each) => each === "new").length;
  assert.deepEqual([lines(4), lines(7)], [1, 0]);
});

test("the reader's own last message is marked, where the room is here up to its end", () => {
  const messages = [message(1, me, minute(1)), message(2, me, minute(2)), message(3, ben, minute(3)), message(4, me, minute(4), { deleted: true })];
  const outgoing = [{ client_id: "out", at: minute(5), body: "", state: "pending" }];
  const last = (more, timeline = new Timeline()) => timeline.entries(room({ messages, ...more }), outgoing, me).flatMap((each) => (each.last ? [each.message.seq] : []));
  assert.deepEqual(last({}), [2]); // neither one that was deleted nor one on its way
  assert.deepEqual(last({ moreAfter: true }), []);
  assert.deepEqual(last({ root: "r-1" }), []); // a thread
  assert.deepEqual(last({ messages: [messages[2]] }), []);
  const timeline = new Timeline();
  last({}, timeline);
  assert.deepEqual(last({ messages: [...messages, message(5, me, minute(6))] }, timeline), [5]); // and no more at the second
});
