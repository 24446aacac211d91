import assert from "node:assert/strict";
import { test } from "node:test";
import { Database } from "../../static/lib/database.js";
import { Drafts, MOST, MOST_CHARS } from "../../static/lib/drafts.js";
import { Records } from "../../static/lib/records.js";
import { Tabs } from "../../static/lib/tabs.js";
import { FakeBrowser, FakeIndexedDB, fakeTabStorage, settled } from "./browser-fakes.mjs";

async function opened({ factory = new FakeIndexedDB(), browser = new FakeBrowser(), storage = null, user = "me" } = {}) {
  const records = new Records({ database: new Database({ factory }), tab: storage });
  const tabs = new Tabs({ locks: browser.locks, makeChannel: browser.channel });
  const drafts = new Drafts({ records, tabs });
  tabs.join(user);
  await drafts.open(user);
  return { drafts, factory, browser };
}

test("a draft, its reply and a change of a message are there after a reload, each for its room and user", async () => {
  const { drafts, factory } = await opened();
  const reply = { id: "r-1", name: "Ben", body: "?" };
  const editing = { id: "r-2", before: "old", text: "new" };
  void drafts.change("r", { text: "half" });
  void drafts.change("r", { reply });
  await drafts.change("other", { editing });
  const again = await opened({ factory });
  assert.deepEqual(again.drafts.of("r"), { text: "half", reply, editing: null, attached: [] });
  assert.deepEqual(again.drafts.of("other").editing, editing);
  assert.equal(again.drafts.of("elsewhere").text, "");
  const ben = await opened({ factory, user: "ben" });
  assert.equal(ben.drafts.of("r").text, "");
});

test("the last of many quick changes is what stays", async () => {
  const { drafts, factory } = await opened();
  for (const text of ["a", "ab", "abc"]) void drafts.change("r", { text });
  await drafts.change("r", { text: "abcd" });
  assert.equal((await opened({ factory })).drafts.of("r").text, "abcd");
});

test("a draft that is sent leaves nothing", async () => {
  const { drafts, factory } = await opened();
  await drafts.change("r", { text: "half" });
  await drafts.change("r", { text: "" });
  assert.equal(factory.data.get("drafts").size, 0);
});

test("what is written before the old drafts are read counts", async () => {
  const { drafts, factory } = await opened();
  await drafts.change("r", { text: "old" });
  await drafts.change("other", { text: "old, too" });
  const slow = new Drafts({ records: new Records({ database: new Database({ factory }) }) });
  const changed = [];
  slow.addEventListener("change", ({ detail }) => changed.push(detail.room));
  const opening = slow.open("me");
  void slow.change("r", { text: "new" });
  await opening;
  assert.deepEqual([slow.of("r").text, slow.of("other").text], ["new", "old, too"]);
  assert.deepEqual(changed, ["other"]);
});

test("the oldest drafts of very many go, whatever the clock says", async (context) => {
  context.mock.timers.enable({ apis: ["Date"], now: 1e12 });
  const { drafts, factory } = await opened();
  for (let number = 0; number < MOST; number += 1) void drafts.change(`r${number}`, { text: "x" });
  await drafts.change("r0", { text: "again" });
  context.mock.timers.setTime(0);
  await drafts.change("last", { text: "x" });
  const again = (await opened({ factory })).drafts;
  assert.deepEqual([again.of("r0").text, again.of("r1").text, again.of("last").text], ["again", "", "x"]);
  assert.equal(factory.data.get("drafts").size, MOST);
});

test("a text beyond all measure is kept in the tab alone", async () => {
  const { drafts, factory } = await opened();
  await drafts.change("r", { text: "x".repeat(MOST_CHARS + 1) });
  assert.equal(drafts.of("r").text.length, MOST_CHARS + 1);
  assert.equal(factory.data.get("drafts").size, 0);
});

test("another tab shows what is written, and that it was sent", async () => {
  const { drafts, factory, browser } = await opened();
  const other = (await opened({ factory, browser })).drafts;
  const told = [];
  other.addEventListener("change", ({ detail }) => told.push(other.of(detail.room).text));
  await drafts.change("r", { text: "half" });
  await drafts.change("r", { text: "" });
  assert.deepEqual(told, ["half", ""]);
});

test("without a database a draft lives as long as the tab", async () => {
  const factory = Object.assign(new FakeIndexedDB(), { isBlocked: true });
  const storage = fakeTabStorage();
  const { drafts } = await opened({ factory, storage });
  await drafts.change("r", { text: "half" });
  assert.equal((await opened({ factory, storage })).drafts.of("r").text, "half");
});

test("at the session's end nothing is written any more", async () => {
  const { drafts, factory } = await opened();
  await drafts.change("r", { text: "half" });
  drafts.close();
  await drafts.change("r", { text: "" });
  assert.equal((await opened({ factory })).drafts.of("r").text, "half");
});

test("what was not stored yet when the page went is there after a reload, and once only", async () => {
  const factory = new FakeIndexedDB();
  const storage = fakeTabStorage();
  const { drafts } = await opened({ factory, storage });
  await drafts.change("r", { text: "h" });
  factory.hangs = true; // nothing more of this page is written
  void drafts.change("r", { text: "ha" });
  void drafts.change("r", { text: "half" });
  drafts.leaving();
  await settled();
  factory.hangs = false;
  const again = await opened({ factory, storage });
  assert.equal(again.drafts.of("r").text, "half");
  await settled();
  assert.equal(storage.length, 0);
  assert.equal((await opened({ factory })).drafts.of("r").text, "half");
  drafts.close();
});
