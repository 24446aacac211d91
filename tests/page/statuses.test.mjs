import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { RoomsStore } from "../../static/lib/rooms-store.js";
import { endOf } from "../../static/lib/status-ends.js";
import { Statuses } from "../../static/lib/statuses.js";

const LUNCH = { emoji: "🍜", text: "at lunch" };
let store, statuses, asked, changes, refuses;

const connection = {
  request: async (op, fields) => {
    asked.push({ op, ...fields });
    if (refuses) throw Object.assign(new Error("lost"), { code: "connection.lost" });
    return op === "status" ? { status: fields.text ? fields : null } : { users: { bob: LUNCH } };
  },
};

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: Date.parse("2030-01-02T12:00:00Z") });
  asked = [];
  changes = [];
  refuses = false;
  store = new RoomsStore();
  store.reset({ id: "me" });
  statuses = new Statuses({ connection, store });
  statuses.addEventListener("change", ({ detail }) => changes.push([...detail.users]));
});

async function settle(ms = 1) {
  mock.timers.tick(ms);
  for (let turn = 0; turn < 10; turn++) await null;
}

test("those who are shown are asked for together, once, and only who has a status is told", async () => {
  for (const user of ["ada", "bob", "ada"]) assert.equal(statuses.of(user), null);
  await settle();
  assert.deepEqual(asked, [{ op: "statuses", users: ["ada", "bob"] }]);
  assert.deepEqual(changes, [["bob"]]);
  assert.deepEqual([statuses.of("ada"), statuses.of("bob")], [null, LUNCH]);
  await settle();
  assert.equal(asked.length, 1);
});

test("what is told while an answer is awaited is newer than the answer", async () => {
  for (const user of ["ada", "bob"]) statuses.of(user);
  mock.timers.tick(1); // asked
  statuses.applyEvent({ user: "ada", status: LUNCH });
  statuses.applyEvent({ user: "bob", status: null });
  await settle();
  assert.deepEqual([statuses.of("ada"), statuses.of("bob")], [LUNCH, null]);
  statuses.refresh();
  await settle();
  assert.deepEqual([statuses.of("ada"), statuses.of("bob")], [null, LUNCH]); // as the later answer says
});

test("many are asked for in parts", async () => {
  for (let number = 0; number < 450; number++) statuses.of(`user${number}`);
  for (let turn = 0; turn < 3; turn++) await settle();
  assert.deepEqual(asked.map(({ users }) => users.length), [200, 200, 50]);
});

test("a question that was lost is asked again when the connection is back, and so is all that was known", async () => {
  statuses.of("bob");
  await settle();
  refuses = true;
  statuses.of("ada");
  await settle();
  refuses = false;
  statuses.refresh();
  await settle();
  assert.deepEqual(new Set(asked.at(-1).users), new Set(["ada", "bob"]));
  assert.deepEqual(changes, [["bob"]]); // what is as it was is not told again
});

test("a status ends by the clock, and is told to have ended", async () => {
  statuses.applyEvent({ user: "ada", status: { text: "away", until: "2030-01-02T12:30:00Z" } });
  statuses.applyEvent({ user: "bob", status: { text: "out", until: "2030-03-02T12:30:00Z" } }); // longer than a timer runs
  await settle(30 * 60_000 - 1);
  assert.equal(statuses.of("ada").text, "away");
  assert.equal(changes.length, 2);
  await settle(1);
  assert.equal(statuses.of("ada"), null);
  assert.deepEqual(changes.slice(2), [["ada"]]);
  assert.equal(statuses.of("bob").text, "out");
  assert.deepEqual(asked, []);
});

test("what the server tells counts at once, and clears", async () => {
  statuses.applyEvent({ user: "ada", status: LUNCH });
  statuses.applyEvent({ user: "ada", status: LUNCH });
  statuses.applyEvent({ user: "ada", status: null });
  assert.deepEqual(changes, [["ada"], ["ada"]]);
  assert.equal(statuses.of("ada"), null);
  await settle();
  assert.deepEqual(asked, []);
});

test("a direct room has the status of the other one", async () => {
  store.applySnapshot([{ id: "d", kind: "direct", name: "Bob", head: 1, other: "bob" }, { id: "r", head: 1 }]);
  await settle();
  assert.deepEqual([store.room("d").status, store.room("r").status], [LUNCH, null]);
  statuses.applyEvent({ user: "ada", status: LUNCH });
  await settle();
  store.applySnapshot([{ id: "e", kind: "direct", name: "Ada", head: 1, other: "ada" }]);
  assert.deepEqual(store.room("e").status, LUNCH); // it was known before the room was
});

test("my own is set, and shown by the answer; nothing of it is left for who signs in next", async () => {
  await statuses.set({ text: "away" });
  assert.deepEqual(asked, [{ op: "status", text: "away" }]);
  assert.equal(statuses.of("me").text, "away");
  refuses = true;
  await assert.rejects(statuses.set({ text: "x" }), { code: "connection.lost" });
  assert.equal(statuses.of("me").text, "away");
  refuses = false;
  statuses.reset();
  assert.equal(statuses.of("me"), null);
});

test("a status ends after the span that was chosen", () => {
  const now = new Date(2030, 0, 2, 12, 0); // a Wednesday
  const at = (...parts) => new Date(...parts).toISOString();
  assert.equal(endOf("half", "", now), at(2030, 0, 2, 12, 30));
  assert.equal(endOf("hour", "", now), at(2030, 0, 2, 13, 0));
  assert.equal(endOf("today", "", now), at(2030, 0, 3));
  assert.equal(endOf("week", "", now), at(2030, 0, 7)); // the Monday
  assert.equal(endOf("week", "", new Date(2030, 0, 6, 12)), at(2030, 0, 7)); // a Sunday
  assert.equal(endOf("day", "2030-01-31", now), at(2030, 1, 1));
  assert.equal(endOf("", "", now), null);
});
