import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import begin from "../../plugins/groups/page/groups.js";
import { Places } from "../../static/lib/places.js";

const GROUPS = [
  { name: "design", title: "Everybody who draws", member_count: 3 },
  { name: "doctors", title: "", member_count: 1 },
  { name: "ops", title: "Night Watch", member_count: 0 },
];

let places, role, asked, answer, hear;
beforeEach(() => {
  places = new Places();
  role = "member";
  asked = 0;
  answer = async () => ({ groups: GROUPS });
  const texts = {};
  begin({
    place: (place, item) => places.put("groups", place, item),
    call: () => answer(++asked),
    hear: (_name, listener) => {
      hear = listener;
    },
    me: () => (role ? { role } : null),
    said: ({ en }) => en,
    texts: ({ en }) => Object.assign(texts, en),
    t: (key, { count }) => texts[key].replace("{count}", count),
  });
});

const find = async (text) => (await places.in("composer.names/v1")[0].find({ room: "r", text })).map(({ name, about }) => [name, about]);

test("groups are found by the beginning of their names, and of words of their titles", async () => {
  assert.deepEqual(await find("d"), [["design", "Everybody who draws · 3 people"], ["doctors", "1 person"]]);
  assert.deepEqual(await find("Wat"), [["ops", "Night Watch · 0 people"]]);
  assert.deepEqual(await find("who"), [["design", "Everybody who draws · 3 people"]]);
  assert.deepEqual((await find("")).map(([name]) => name), ["design", "doctors", "ops"]);
  assert.deepEqual(await find("esign"), []);
  assert.equal(asked, 1);
});

test("after a change, and after a failure, they are asked for again when they are wanted", async () => {
  await find("d");
  hear({ missed: false, payload: { name: "ops", title: null, member_count: 0 } });
  assert.equal(asked, 1);
  answer = async () => ({ groups: GROUPS.slice(0, 1) });
  assert.deepEqual((await find("")).map(([name]) => name), ["design"]);
  hear({ missed: true, payload: null });
  answer = () => Promise.reject(new Error("lost"));
  assert.deepEqual(await find(""), []);
  answer = async () => ({ groups: GROUPS });
  assert.equal((await find("")).length, 3);
  assert.equal(asked, 4);
});

test("what was asked for before a change is not kept", async () => {
  let resolve;
  answer = () => new Promise((done) => (resolve = done));
  const first = find("");
  hear({ missed: false, payload: { name: "ops", title: null, member_count: 0 } });
  resolve({ groups: GROUPS });
  assert.equal((await first).length, 3);
  answer = async () => ({ groups: [] });
  assert.deepEqual(await find(""), []);
});

test("a failure of an earlier question keeps the answer to a later one", async () => {
  let reject;
  answer = () => new Promise((_, failed) => (reject = failed));
  const first = find("");
  hear({ missed: true, payload: null });
  answer = async () => ({ groups: GROUPS });
  await find("");
  reject(new Error("lost"));
  assert.deepEqual(await first, []);
  assert.equal((await find("")).length, 3);
  assert.equal(asked, 2);
});

for (const [who, page] of [["owner", "admin.page/v1"], ["admin", "admin.page/v1"], ["member", "settings.page/v1"], ["guest", null], [null, null]])
  test(`for ${who ?? "nobody yet"}: ${page ?? "nothing"}`, () => {
    places.clear("groups");
    role = who;
    beginAgain();
    const there = ["admin.page/v1", "settings.page/v1"].filter((place) => places.in(place).length > 0);
    assert.deepEqual(there, page ? [page] : []);
    assert.equal(places.in("composer.names/v1").length, page ? 1 : 0);
  });

test("who reads may be known later", () => {
  places.clear("groups");
  role = null;
  beginAgain();
  role = "member";
  hear({ missed: true, payload: null });
  hear({ missed: true, payload: null });
  assert.equal(places.in("settings.page/v1").length, 1);
});

function beginAgain() {
  begin({ place: (place, item) => places.put("groups", place, item), hear: (_name, listener) => (hear = listener), me: () => (role ? { role } : null), texts: () => {} });
}
