import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { applies, Places } from "../../static/lib/places.js";

const action = (more = {}) => ({ id: "save", label: "Save", icon: "M1 1", run() {}, ...more });

let places, changes;
beforeEach(() => {
  places = new Places();
  changes = [];
  places.addEventListener("change", ({ detail }) => changes.push(detail.place));
});

const keys = (place) => places.in(place).map(({ key }) => key);

test("items stay in the order of their coming, each under its plugin's name", () => {
  places.put("b", "message.actions/v1", action());
  places.put("a", "message.actions/v1", action());
  places.put("a", "room.actions/v1", action({ id: "x" }));
  assert.deepEqual(keys("message.actions/v1"), ["b.save", "a.save"]);
  assert.deepEqual(changes, ["message.actions/v1", "message.actions/v1", "room.actions/v1"]);
});

test("what was put can be taken away, once, alone or with all of the plugin", () => {
  const take = places.put("a", "message.actions/v1", action());
  places.put("b", "message.actions/v1", action());
  places.put("b", "room.actions/v1", action());
  take();
  take();
  assert.deepEqual(keys("message.actions/v1"), ["b.save"]);
  places.clear("b");
  assert.deepEqual([keys("message.actions/v1"), keys("room.actions/v1")], [[], []]);
  assert.equal(changes.length, 6);
});

test("taking an old item away leaves a new one of the same name", () => {
  const take = places.put("a", "message.actions/v1", action());
  take();
  places.put("a", "message.actions/v1", action());
  take();
  assert.deepEqual(keys("message.actions/v1"), ["a.save"]);
});

test("a label is a text or a function, asked each time", () => {
  let language = "en";
  places.put("a", "message.actions/v1", action({ label: () => language }));
  places.put("b", "message.actions/v1", action());
  language = "ja";
  assert.deepEqual(places.in("message.actions/v1").map(({ label }) => label()), ["ja", "Save"]);
});

for (const [what, place, item, words] of [
  ["an unknown place", "message.actions/v9", action(), /there is no place message.actions\/v9; there are account.parts\/v1/],
  ["no id", "message.actions/v1", action({ id: "" }), /id has to be a string/],
  ["no label", "message.actions/v1", action({ label: 5 }), /label has to be a function/],
  ["no run", "message.actions/v1", action({ run: undefined }), /run has to be a function/],
  ["no mount", "room.panels/v1", action(), /mount has to be a function/],
  ["no label for several messages", "message.actions/v1", action({ each: { run() {} } }), /each.label has to be a function/],
  ["nothing to do with each of several", "message.actions/v1", action({ each: { label: () => "Save" } }), /each.run has to be a function/],
  ["an unknown condition", "message.actions/v1", action({ when: { mine: true } }), /there is no condition mine; there are own, data, lacks, apart, kinds/],
  ["nothing", "message.actions/v1", null, /id has to be a string/],
])
  test(`${what} is refused with its reason`, () => {
    assert.throws(() => places.put("a", place, item), words);
    assert.deepEqual(changes, []);
  });

test("a key that is taken is refused", () => {
  places.put("a", "message.actions/v1", action());
  assert.throws(() => places.put("a", "message.actions/v1", action()), /a\.save already/);
});

test("conditions on the message, its data and the room", () => {
  const me = { id: "me" };
  const message = { author: { id: "me" }, data: { poll: {} } };
  const room = { kind: "private" };
  const shown = (when, more = {}) => applies({ when }, { message, room, me, ...more });
  assert.ok(shown(undefined));
  assert.ok(shown({ own: true }));
  assert.ok(!shown({ own: false }));
  assert.ok(shown({ data: "poll", kinds: ["private", "public"] }));
  assert.ok(!shown({ data: "other" }));
  assert.ok(!shown({ lacks: "poll" }));
  assert.ok(shown({ lacks: "other" }));
  assert.ok(!shown({ data: "poll" }, { message: { author: { id: "x" } } }));
  assert.ok(!shown({ kinds: ["direct"] }));
  const inThread = { message: { ...message, thread: "r-1" } };
  const inBoth = { message: { ...inThread.message, broadcast: true } };
  assert.deepEqual([{}, inThread, inBoth].map((more) => shown({ apart: true }, more)), [false, true, false]);
  assert.deepEqual([{}, inThread, inBoth].map((more) => shown({ apart: false }, more)), [true, false, true]);
});

test("in an archived room only those actions of messages are shown that say so", () => {
  const message = { author: { id: "x" } };
  const room = { kind: "public", archived: true };
  assert.ok(!applies({}, { message, room, me: { id: "me" } }));
  assert.ok(applies({ when: { archived: true } }, { message, room, me: { id: "me" } }));
  assert.ok(applies({}, { room, me: { id: "me" } })); // of the room, not of a message
});

test("labels are asked for again where one is to change, and nothing else happens", () => {
  places.put("a", "admin.page/v1", { id: "x", label: () => "A", mount() {} });
  changes.length = 0;
  places.relabel("admin.page/v1");
  assert.deepEqual([changes, keys("admin.page/v1")], [["admin.page/v1"], ["a.x"]]);
});

test("an item for those who moderate a room is shown to nobody else", () => {
  const item = { when: { moderates: true } };
  const me = (role) => ({ id: "me", role });
  const room = (kind, role, more = {}) => ({ kind, role, ...more });
  const shown = [
    [room("public", "member"), me("member"), false],
    [room("public", "admin"), me("member"), true],
    [room("private", "owner", { archived: true }), me("member"), true],
    [room("public", null), me("admin"), true],
    [room("direct", "member"), me("owner"), false],
    [undefined, me("owner"), false],
  ];
  for (const [where, who, expected] of shown) {
    assert.equal(applies(item, { room: where, me: who }), expected);
    assert.equal(applies({ when: { moderates: false } }, { room: where, me: who }), !expected);
  }
});

test("items stand in the order of the plugins, however late one comes", () => {
  const places = new Places();
  places.arrange(["first", "second"]);
  assert.deepEqual([places.has("second"), places.has("third")], [true, false]);
  const put = (plugin, id) => places.put(plugin, "admin.page/v1", { id, label: () => id, mount() {} });
  put("unknown", "a");
  put("second", "b");
  put("second", "c");
  put("first", "d");
  assert.deepEqual(places.in("admin.page/v1").map(({ key }) => key), ["first.d", "second.b", "second.c", "unknown.a"]);
});

test("an item may keep the text of messages that carry its data", () => {
  places.put("polls", "message.data/v1", { id: "polls", mount() {}, fixed: true });
  places.put("tags", "message.data/v1", { id: "tags", mount() {} });
  const fixed = (message) => places.isFixed(message);
  assert.deepEqual([{}, { data: {} }, { data: { tags: 1 } }, { data: { polls: 1, tags: 1 } }].map(fixed), [false, false, false, true]);
});
