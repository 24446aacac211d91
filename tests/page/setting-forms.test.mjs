import assert from "node:assert/strict";
import test from "node:test";

import { addressOf, bounds, changes, NoValue, read, served, typed, typedTable } from "../../static/lib/setting-forms.js";

const KINDS = [
  [{ kind: "boolean" }, true, true],
  [{ kind: "boolean" }, false, false],
  [{ kind: "integer", minimum: 1, maximum: 9 }, "9", 9],
  [{ kind: "integer", is_optional: true }, "", null],
  [{ kind: "number", above: 0 }, "0.5", 0.5],
  [{ kind: "text" }, "", ""],
  [{ kind: "text", max_length: 1 }, "𠮷", "𠮷"],
  [{ kind: "choice", choices: ["calm", "lively"] }, "calm", "calm"],
  [{ kind: "list", items: "text" }, "a b\nc", ["a b", "c"]],
  [{ kind: "list", items: "integer" }, "1\n2", [1, 2]],
  [{ kind: "list", items: "text" }, "", []],
];

test("what is typed becomes a value, and a value what would be typed", () => {
  for (const [form, given, value] of KINDS) {
    assert.deepEqual(read(form, given), value);
    assert.deepEqual(typed(form, value), given);
  }
});

const SIGNS = { kind: "map", names: { kind: "text" }, values: { kind: "integer", minimum: 1 } };

test("a map is read from its rows, of which those without anything are none", () => {
  assert.deepEqual(typed(SIGNS, { a: 1, b: 2 }), [["a", "1"], ["b", "2"]]);
  assert.deepEqual(read(SIGNS, [["a", "1"], ["", ""], ["b", "2"]]), { a: 1, b: 2 });
  const flags = { kind: "map", values: { kind: "boolean" } };
  assert.deepEqual(read(flags, [["a", true], ["", false]]), { a: true });
  assert.deepEqual(Object.keys(read(SIGNS, [["__proto__", "1"]])), ["__proto__"]);
});

function wrongParts(form, given) {
  try {
    return read(form, given);
  } catch (error) {
    assert.ok(error instanceof NoValue);
    return error.problems;
  }
}

test("what is wrong in a map is named by its row", () => {
  assert.deepEqual(wrongParts(SIGNS, [["a", "0"], ["", "1"], ["b", "1"], ["b", "2"], ["", "x"]]), [
    { row: 0, field: "value", reason: "value" },
    { row: 1, field: "name", reason: "required" },
    { row: 3, field: "name", reason: "taken" },
    { row: 4, field: "name", reason: "required" },
  ]);
});

const field = (key, form, more = {}) => ({ key, form, default: null, is_secret: false, is_required: false, is_of_operator: false, ...more });
const POSTS = {
  kind: "tables",
  names: { kind: "text" },
  fields: [
    field("uri", { kind: "text" }, { is_required: true, is_secret: true }),
    field("room", { kind: "text" }, { is_required: true }),
    field("rate", { kind: "number", above: 0 }, { default: 60 }),
    field("signs", SIGNS, { default: {} }),
    field("ca_file", { kind: "text" }, { default: "", is_of_operator: true }),
  ],
};

test("a table shows its fields but for the operator's, and no secret", () => {
  assert.deepEqual(typedTable(POSTS), { uri: "", room: "", rate: "60", signs: [] });
  assert.deepEqual(typed(POSTS, { ci: { room: "r", rate: 5, ca_file: "/x" } }), [["ci", { uri: "", room: "r", rate: "5", signs: [] }]]);
});

test("of a table what is usual, and a secret that nobody typed, is left out", () => {
  const given = { uri: "", room: "r", rate: "60", signs: [] };
  assert.deepEqual(read(POSTS, [["ci", given]]), { ci: { room: "r" } });
  assert.deepEqual(read(POSTS, [["ci", { ...given, uri: "https://x", rate: "5", signs: [["a", "1"]] }]]), {
    ci: { uri: "https://x", room: "r", rate: 5, signs: { a: 1 } },
  });
});

test("what is wrong in a table is named by its name and key", () => {
  assert.deepEqual(wrongParts(POSTS, [["ci", { uri: "", room: "r", rate: "0", signs: [["a", "0"]] }]]), [
    { entry: "ci", field: "rate", reason: "value", parts: [] },
    { entry: "ci", field: "signs", reason: "value", parts: [{ row: 0, field: "value", reason: "value" }] },
  ]);
});

test("tables are sent as a whole when one is added, changed or removed", () => {
  const current = { ci: { room: "r", rate: 60, signs: {} } };
  const one = { uri: "", room: "r", rate: "60", signs: [] };
  const sent = (given) => changes([{ setting: { key: "posts", form: POSTS, current }, given, isReset: false }]).settings;
  assert.deepEqual(sent([["ci", one]]), {});
  assert.deepEqual(sent([]), { posts: {} });
  assert.deepEqual(sent([["ci", one], ["new", { ...one, uri: "https://x" }]]), { posts: { ci: { room: "r" }, new: { uri: "https://x", room: "r" } } });
  assert.deepEqual(sent([["ci", { ...one, uri: "https://y" }]]), { posts: { ci: { uri: "https://y", room: "r" } } });
});

test("spaces around lines and empty lines do not count", () => {
  assert.deepEqual(read({ kind: "list", items: "text" }, "\n a \n\n b\n"), ["a", "b"]);
});

test("what is no value is refused", () => {
  for (const [form, given] of [
    [{ kind: "integer" }, ""],
    [{ kind: "integer" }, " "],
    [{ kind: "integer" }, "1.5"],
    [{ kind: "integer" }, "many"],
    [{ kind: "integer", minimum: 1 }, "0"],
    [{ kind: "integer", maximum: 9 }, "10"],
    [{ kind: "number", above: 0 }, "0"],
    [{ kind: "number", below: 1 }, "1"],
    [{ kind: "number" }, "1e999"],
    [{ kind: "text", min_length: 2 }, "a"],
    [{ kind: "text", max_length: 2 }, "abc"],
    [{ kind: "choice", choices: ["calm"] }, "sad"],
    [{ kind: "list", items: "text", min_length: 1 }, "\n"],
    [{ kind: "list", items: "integer" }, "1\ntwo"],
    [{ kind: "list", items: "choice", choices: ["a"] }, "b"],
  ]) assert.throws(() => read(form, given), NoValue);
});

function input(key, form, current, given, more = {}) {
  const { isReset = false, ...setting } = more;
  return { setting: { key, form, current, is_secret: false, ...setting }, given, isReset };
}

test("only what differs is sent", () => {
  const text = { kind: "text" };
  const secret = { is_secret: true };
  assert.deepEqual(
    changes([
      input("same", text, "a", "a"),
      input("other", text, "a", "b"),
      input("emptied", text, "a", ""),
      input("on", { kind: "boolean" }, false, true),
      input("list", { kind: "list", items: "text" }, ["a"], "a\n"),
      input("number", { kind: "integer" }, 3, "03"),
      input("wrong", { kind: "integer" }, 3, "x"),
      input("back", text, "a", "usual", { isReset: true }),
      input("kept", text, null, "", secret),
      input("replaced", text, null, "new", secret),
    ]),
    { settings: { other: "b", emptied: "", on: true, replaced: "new" }, reset: ["back"], wrong: [{ setting: "wrong", reason: "value", parts: [] }] },
  );
});

test("a number that the server gave and nobody touched is never wrong", () => {
  assert.deepEqual(changes([input("none", { kind: "integer" }, null, "")]), { settings: {}, reset: [], wrong: [] });
});

test("bounds are said once", () => {
  assert.deepEqual(bounds({ kind: "integer", minimum: 1, maximum: 9 }), [["between", { least: 1, most: 9 }]]);
  assert.deepEqual(bounds({ kind: "number", above: 0 }), [["above", { least: 0 }]]);
  assert.deepEqual(bounds({ kind: "list", max_length: 3 }), [["lines.most", { most: 3 }]]);
  assert.deepEqual(bounds({ kind: "text", min_length: 1, max_length: 3 }), [["notEmpty", {}], ["characters.most", { most: 3 }]]);
  assert.deepEqual(bounds({ kind: "boolean" }), []);
});

test("tables in use have their addresses, below that of the server or of the page", () => {
  const tables = { address: "/hooks/", current: { ci: {}, "b-1": {} } };
  assert.deepEqual(served([tables, { address: "", current: { other: {} } }, { current: 7 }, { address: "/x/", current: null }]), [["/hooks/", "ci"], ["/hooks/", "b-1"]]);
  assert.equal(addressOf("/hooks/", "ci", "https://page.test/chat#x"), "https://page.test/hooks/ci");
  assert.equal(addressOf("https://chat.test/hooks/", "ci", "https://page.test/"), "https://chat.test/hooks/ci");
});
