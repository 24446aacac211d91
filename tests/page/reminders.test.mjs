import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { follow } from "../../plugins/reminders/page/following.js";
import { choices } from "../../plugins/reminders/page/times.js";

const DAY_MS = 86_400_000;

let calls, counts, hear, known, list, listed, notices, places, stored;

/** What `begin` of the module gets, and the browser around it. */
beforeEach(() => {
  [calls, counts, known, listed, notices, places, stored] = [[], [], [], [], [], {}, {}];
  globalThis.localStorage = /** @type {any} */ ({ getItem: (name) => stored[name] ?? null, setItem: (name, value) => (stored[name] = value) });
  list = { due: 0, label: () => "Reminders", mount() {} };
});

function begun() {
  const page = {
    call: async (name) => (calls.push(name), name === "ids" ? { reminders: known } : { reminders: listed }),
    hear: (_name, listener) => (hear = listener),
    locale: () => "en",
    notify: async (notice) => void notices.push(notice),
    place: (place, item) => (places[place] = item),
    plain: async (text) => text.replaceAll("*", ""),
    relabel() {},
    room: (id) => (id === "r" ? { id } : null),
    t: (key, values = {}) => [key, ...Object.values(values)].join(" "),
    texts() {},
  };
  const lists = new Set([() => counts.push(list.due)]);
  follow(page, list, lists);
}

const due = (id, at) => ({ id, at, state: "due" });
const message = (room = "r") => ({ author: { name: "Ben" }, body: "**tea**", room, seq: 7 });

test("what came due while nobody was here is told once in this browser, and counted", async () => {
  known = [due("r-1", "2026-01-01T09:00:00.000Z"), { id: "r-2", at: "2026-01-01T10:00:00.000Z", state: "waiting" }];
  listed = [{ ...known[0], message: message() }];
  begun();
  await hear({ missed: true, payload: null });
  assert.deepEqual(notices, [{ title: "dueOne", body: "Ben: tea", room: "r", seq: 7 }]);
  assert.equal(list.due, 1);
  places["side.panels/v1"].count((count) => counts.push(`shown ${count}`));
  assert.deepEqual(counts, [1, "shown 1"]);
  await hear({ missed: true, payload: null });
  assert.equal(notices.length, 1);
  known = [due("r-2", "2026-01-01T10:00:00.000Z"), known[0], due("r-3", "2026-01-01T11:00:00.000Z")];
  await hear({ missed: true, payload: null });
  assert.deepEqual(notices.slice(1), [{ title: "dueMany 2" }]);
});

test("a reminder that comes due is told with its note; without its message it says so alone", async () => {
  begun();
  await hear({ missed: true, payload: null });
  assert.equal(places["side.panels/v1"], undefined);
  listed = [{ ...due("r-1", "2026-01-01T09:00:00.000Z"), note: "cake", message: message("elsewhere") }];
  await hear({ missed: false, payload: { message: "r-1", state: "due", at: "2026-01-01T09:00:00.000Z" } });
  listed = [due("s-1", "2026-01-01T08:00:00.000Z")];
  await hear({ missed: false, payload: { message: "s-1", state: "due", at: "2026-01-01T08:00:00.000Z" } });
  assert.deepEqual(notices, [
    { title: "dueOne: cake", body: "Ben: tea" },
    { title: "dueOne", body: "gone" },
  ]);
  assert.deepEqual(counts, [0, 1, 2]);
  assert.equal(stored["reminders.told"], "2026-01-01T09:00:00.000Z");
});

test("one that another device has dealt with meanwhile is told no more", async () => {
  begun();
  await hear({ missed: true, payload: null });
  await hear({ missed: false, payload: { message: "r-1", state: "due", at: "2026-01-01T09:00:00.000Z" } });
  await hear({ missed: false, payload: { message: "r-1", state: null, at: null } });
  assert.deepEqual(notices, []);
  assert.deepEqual(counts, [0, 1, 0]);
});

test("an answer that is older than what was told is asked for again", async () => {
  known = [{ id: "r-1", at: "2026-01-01T09:00:00.000Z", state: "waiting" }];
  begun();
  const asked = hear({ missed: true, payload: null });
  known = [];
  await hear({ missed: false, payload: { message: "r-1", state: null, at: null } });
  await asked;
  assert.deepEqual(calls, ["ids", "ids"]);
  assert.equal(places["message.actions/v1"].label({ message: { id: "r-1" } }), "remind");
});

test("the action of a message says whether it has a reminder that stands", async () => {
  known = [due("r-1", "2026-01-01T09:00:00.000Z"), { id: "r-2", at: "2026-01-01T09:00:00.000Z", state: "done" }];
  begun();
  await hear({ missed: true, payload: null });
  const { label } = places["message.actions/v1"];
  assert.deepEqual(["r-1", "r-2", "r-3"].map((id) => label({ message: { id } })), ["changeOne", "remind", "remind"]);
});

test("a browser that keeps nothing tells again, and a server that is away is asked later", async () => {
  globalThis.localStorage = /** @type {any} */ ({
    getItem() {
      throw new Error("blocked");
    },
  });
  known = listed = [due("r-1", "2026-01-01T09:00:00.000Z")];
  begun();
  await hear({ missed: true, payload: null });
  await hear({ missed: true, payload: null });
  assert.equal(notices.length, 2);
  known = null;
  await hear({ missed: true, payload: null });
  assert.equal(list.due, 1);
});

test("the times are in the reader's zone, and next Monday is left out where it is tomorrow", () => {
  for (let day = 0; day < 7; day++) {
    const now = new Date(new Date(2026, 2, 23, 15, 30).getTime() + day * DAY_MS); // a Monday
    const found = Object.fromEntries(choices(now));
    assert.deepEqual([found.minutes - now, found.hour - now, found.hours - now], [20 * 60_000, 60 * 60_000, 180 * 60_000]);
    assert.deepEqual([found.tomorrow.getHours(), found.tomorrow.getMinutes(), found.tomorrow.getDate()], [9, 0, new Date(2026, 2, 24 + day).getDate()]);
    if (now.getDay() === 0) assert.equal(found.monday, undefined);
    else assert.deepEqual([found.monday.getDay(), found.monday.getDate(), found.monday.getHours()], [1, 30, 9]);
  }
});
