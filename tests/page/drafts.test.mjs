import assert from "node:assert/strict";
import { test } from "node:test";
import { Database } from "../../static/lib/database.js";
import { MOST_BYTES } from "../../static/lib/draft-files.js";
import { Drafts, MOST, MOST_CHARS } from "../../static/lib/drafts.js";
import { Records } from "../../static/lib/records.js";
import { Tabs } from "../../static/lib/tabs.js";
import { FakeBrowser, FakeIndexedDB, fakeTabStorage, settled } from "./browser-fakes.mjs";

async function opened({ factory = new FakeIndexedDB(), browser = new FakeBrowser(), storage = null, jots = null, user = "me" } = {}) {
  const records = new Records({ database: new Database({ factory }), tab: storage, browser: jots });
  const tabs = new Tabs({ locks: browser.locks, makeChannel: browser.channel });
  const drafts = new Drafts({ records, tabs });
  tabs.join(user);
  await drafts.open(user);
  return { drafts, factory, browser };
}

const chip = (name, bytes = 3) => ({ namespace: "files", value: null, label: name, file: new Blob(["x".repeat(bytes)]) });

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

test("what was written on another device is there as one's own, in all tabs, and is told apart from what is written here", async () => {
  const { drafts, factory, browser } = await opened();
  const other = (await opened({ factory, browser })).drafts;
  const told = [];
  for (const type of ["change", "written", "left"]) drafts.addEventListener(type, ({ detail }) => told.push([type, detail.room, drafts.of(detail.room).text]));
  await drafts.change("r", { text: "here", attached: [chip("one")] });
  await drafts.put("r", { text: "elsewhere", reply: null });
  drafts.left("r");
  drafts.sent("r");
  await drafts.change("s", { text: "" }); // nothing was there, either
  assert.deepEqual(told, [["written", "r", "here"], ["change", "r", "elsewhere"], ["left", "r", "elsewhere"], ["written", "r", ""]]);
  await drafts.put("s", { text: "elsewhere, too" });
  assert.deepEqual([other.of("s").text, (await opened({ factory })).drafts.of("s").text], ["elsewhere, too", "elsewhere, too"]);
  assert.equal(drafts.of("s").attached.length, 0);
});

test("what another device has put there leaves what is attached, and a change of a message", async () => {
  const { drafts } = await opened();
  const editing = { id: "r-2", before: "old", text: "new" };
  await drafts.change("r", { text: "look", attached: [chip("one")], editing });
  await drafts.put("r", { text: "", reply: null });
  assert.deepEqual([drafts.of("r").attached.map(({ label }) => label), drafts.of("r").editing], [["one"], editing]);
});

test("rooms with a draft are listed once the browser's are read, with those where one was sent since", async () => {
  const { drafts, factory } = await opened();
  for (const room of ["r", "s", "t"]) await drafts.change(room, { text: "x" });
  const again = new Drafts({ records: new Records({ database: new Database({ factory }) }) });
  const opening = again.open("me");
  assert.equal(again.has("r"), false);
  assert.deepEqual(await again.rooms(), ["r", "s", "t"]);
  await opening;
  again.sent("r");
  await again.change("s", { text: "" });
  assert.deepEqual([again.has("s"), again.has("t"), await again.rooms()], [false, true, ["t", "r", "s"]]);
  await again.change("s", { text: "anew" });
  assert.deepEqual(await again.rooms(), ["t", "s", "r"]);
  again.close();
  assert.deepEqual(await again.rooms(), []);
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

test("the last letters are there in another tab after this one was closed, and once only", async () => {
  const factory = new FakeIndexedDB();
  const jots = fakeTabStorage();
  const { drafts } = await opened({ factory, jots, storage: fakeTabStorage() });
  await drafts.change("r", { text: "h" });
  factory.hangs = true;
  void drafts.change("r", { text: "half" });
  drafts.leaving();
  await settled();
  assert.equal(jots.length, 1);
  factory.hangs = false;
  const ben = await opened({ factory, jots, storage: fakeTabStorage(), user: "ben" });
  assert.equal(ben.drafts.of("r").text, "");
  const next = await opened({ factory, jots, storage: fakeTabStorage() });
  assert.equal(next.drafts.of("r").text, "half");
  assert.equal(jots.length, 0);
  assert.equal(factory.data.get("drafts").get("me r").text, "half");
  drafts.close();
});

test("what is stored in time, or given up, is not written down for the next page", async () => {
  const jots = fakeTabStorage();
  const { drafts } = await opened({ jots });
  await drafts.change("r", { text: "half" });
  drafts.leaving();
  assert.equal(jots.length, 0);
  void drafts.change("r", { text: "halves" });
  drafts.leaving(); // put away, and taken up again
  assert.equal(jots.length, 1);
  await drafts.change("r", { text: "" });
  assert.equal(jots.length, 0);
});

test("a draft that a full disk refuses outlasts the tab all the same", async () => {
  const factory = new FakeIndexedDB();
  const jots = fakeTabStorage();
  const { drafts } = await opened({ factory, jots, storage: fakeTabStorage() });
  factory.refuses = new Error("QuotaExceededError");
  await drafts.change("r", { text: "half" });
  drafts.leaving();
  assert.equal((await opened({ factory, jots, storage: fakeTabStorage() })).drafts.of("r").text, "half");
});

test("a file that is not uploaded is there after a reload, and goes from the browser with its chip or message", async () => {
  const { drafts, factory } = await opened();
  const [one, two] = [chip("one"), chip("two")];
  const done = { namespace: "files", value: { files: [1] }, label: "done" };
  await drafts.change("r", { text: "look", attached: [one, done, two] });
  const files = factory.data.get("files");
  const before = [...files.keys()];
  assert.equal(before.length, 2);
  await drafts.change("r", { text: "look at" });
  assert.deepEqual([...factory.data.get("files").keys()], before);
  const { attached } = (await opened({ factory })).drafts.of("r");
  assert.deepEqual(attached.map(({ value, label }) => [value, label]), [[null, "one"], [done.value, "done"], [null, "two"]]);
  assert.equal(await attached[0].file.text(), "xxx");
  await drafts.change("r", { attached: [two] });
  assert.equal(factory.data.get("files").size, 1);
  drafts.sent("r");
  drafts.keepAgain("r");
  await settled();
  assert.equal(factory.data.get("files").size, 0);
});

test("files that are too large, or that the disk refuses, are said to be lost with the tab, and the text is kept", async () => {
  const factory = new FakeIndexedDB();
  const { drafts } = await opened({ factory });
  const said = [];
  drafts.addEventListener("refused", ({ detail }) => said.push(detail.room));
  await drafts.change("r", { attached: [chip("most", MOST_BYTES - 2)] });
  assert.equal(drafts.losesFiles("r"), false);
  await drafts.change("r", { text: "look", attached: [...drafts.of("r").attached, chip("more")] });
  assert.deepEqual([drafts.losesFiles("r"), said], [true, ["r"]]);
  assert.deepEqual((await opened({ factory })).drafts.of("r").attached.map(({ label }) => label), ["most"]);
  factory.refuses = new Error("QuotaExceededError");
  await drafts.change("other", { attached: [chip("refused")] });
  assert.deepEqual([drafts.losesFiles("other"), said], [true, ["r", "other"]]);
  factory.refuses = null;
  await drafts.change("other", { text: "with" });
  const again = (await opened({ factory })).drafts.of("other");
  assert.deepEqual([again.text, again.attached], ["with", []]);
});

test("a file of a draft that is gone does not stay in the browser", async () => {
  const { drafts, factory } = await opened();
  await drafts.change("r", { attached: [chip("one")] });
  factory.data.get("drafts").clear();
  await opened({ factory });
  await settled();
  assert.equal(factory.data.get("files").size, 0);
});

test("a change that was under way when the page went does not take the later one with it", async () => {
  const factory = new FakeIndexedDB();
  const jots = fakeTabStorage();
  const { drafts } = await opened({ factory, jots, storage: fakeTabStorage() });
  void drafts.change("r", { text: "h" });
  await settled(1);
  void drafts.change("r", { text: "half" });
  drafts.leaving();
  while (factory.data.get("drafts").get("me r")?.text !== "h") await settled(1);
  factory.refuses = new Error("the next one comes too late");
  await settled();
  factory.refuses = null;
  assert.equal((await opened({ factory, jots, storage: fakeTabStorage() })).drafts.of("r").text, "half");
});
