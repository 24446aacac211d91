import assert from "node:assert/strict";
import test from "node:test";

import { bounds, changes, NoValue, read, typed } from "../../static/lib/setting-forms.js";

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
    { settings: { other: "b", emptied: "", on: true, replaced: "new" }, reset: ["back"], wrong: ["wrong"] },
  );
});

test("a number that the server gave and nobody touched is never wrong", () => {
  assert.deepEqual(changes([input("none", { kind: "integer" }, null, "")]), { settings: {}, reset: [], wrong: [] });
});

test("bounds are said once", () => {
  assert.deepEqual(bounds({ kind: "integer", minimum: 1, maximum: 9 }), [["between", { least: 1, most: 9 }]]);
  assert.deepEqual(bounds({ kind: "number", above: 0 }), [["above", { least: 0 }]]);
  assert.deepEqual(bounds({ kind: "list", max_length: 3 }), [["lines.most", { most: 3 }]]);
  assert.deepEqual(bounds({ kind: "boolean" }), []);
});
