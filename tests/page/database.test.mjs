import assert from "node:assert/strict";
import { test } from "node:test";
import { asked, Database } from "../../static/lib/database.js";
import { FakeIndexedDB } from "./browser-fakes.mjs";

test("a newer version adds what is new and keeps what is there", async () => {
  const factory = new FakeIndexedDB();
  const first = (database) => database.createObjectStore("letters", { keyPath: "key" });
  const old = new Database({ factory, versions: [first] });
  await old.run(["letters"], "readwrite", ({ letters }) => asked(letters.put({ key: "a" })));
  const second = (database) => database.createObjectStore("numbers", { keyPath: "key" });
  const newer = new Database({ factory, versions: [first, second] });
  const found = await newer.run(["letters", "numbers"], "readonly", async ({ letters, numbers }) => [await asked(letters.getAll()), await asked(numbers.getAll())]);
  assert.deepEqual(found, [[{ key: "a" }], []]);
});

test("work that fails changes nothing", async () => {
  const factory = new FakeIndexedDB();
  const database = new Database({ factory });
  const work = async ({ drafts }) => {
    await asked(drafts.put({ key: "a" }));
    throw new Error("on second thought");
  };
  await assert.rejects(database.run(["drafts"], "readwrite", work), /second thought/);
  assert.deepEqual(await database.run(["drafts"], "readonly", ({ drafts }) => asked(drafts.getAll())), []);
});

test("a database that the browser has closed is opened again", async () => {
  const factory = new FakeIndexedDB();
  const database = new Database({ factory });
  const write = (key) => database.run(["drafts"], "readwrite", ({ drafts }) => asked(drafts.put({ key })));
  await write("a");
  factory.closeAll();
  await write("b");
  assert.deepEqual([...factory.data.get("drafts").keys()], ["a", "b"]);
});

test("one that could not be opened is tried again the next time", async () => {
  const factory = Object.assign(new FakeIndexedDB(), { isBlocked: true });
  const database = new Database({ factory });
  const read = () => database.run(["drafts"], "readonly", ({ drafts }) => asked(drafts.getAll()));
  await assert.rejects(read());
  factory.isBlocked = false;
  assert.deepEqual(await read(), []);
});
