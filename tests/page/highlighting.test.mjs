/** Code in colours: what of it is a comment, a string, a number, a word of the language; and nothing is lost. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { highlighted } from "../../static/lib/highlighting.js";

/** The pieces of a kind. */
function of(kind, text, language) {
  return highlighted(text, language)
    .filter((piece) => piece.kind === kind)
    .map((piece) => piece.text);
}

test("a language's own words are told from others", () => {
  const text = "def define(self):\n    return None  # if so\n";
  assert.deepEqual(of("word", text, "python"), ["def", "self", "return", "None"]);
  assert.deepEqual(of("comment", text, "python"), ["# if so"]);
  assert.deepEqual(of("word", "SELECT name FROM people -- select", "sql"), ["SELECT", "FROM"]);
  assert.deepEqual(of("word", "if (constant) { x.const }", "js"), ["if", "const"]);
});

test("what looks like code in a string or a comment is none", () => {
  assert.deepEqual(of("string", `say("if // not", 'a\\'b', \`x\ny\`)`, "js"), [`"if // not"`, `'a\\'b'`, "`x\ny`"]);
  assert.deepEqual(of("word", `/* if\nelse */ return "for"`, "c"), ["return"]);
  assert.deepEqual(of("string", `x = """a "quoted" if\n""" + 'b'`, "py"), [`"""a "quoted" if\n"""`, "'b'"]);
  assert.deepEqual(of("comment", "url=https://example.org/#top # here", "sh"), ["# here"]);
});

test("what is not closed ends with its line, or with the text", () => {
  assert.deepEqual(of("string", `a = "open\nif b`, "js"), [`"open`]);
  assert.deepEqual(of("comment", "a /* open\nif b", "js"), ["/* open\nif b"]);
});

test("numbers, names and lines of a difference", () => {
  assert.deepEqual(of("number", "x1 = 0xff + 3.14 + 1_000", "rust"), ["0xff", "3.14", "1_000"]);
  assert.deepEqual(of("name", `{"a": "b", "c": 1}`, "json"), [`"a"`, `"c"`]);
  assert.deepEqual(of("name", "key: value\nother: # not\n", "yaml"), ["key", "other"]);
  assert.deepEqual(of("name", `<a href="x">y</a>`, "html"), ["<a", ">", "</a", ">"]);
  assert.deepEqual(of("added", "@@ -1 +1 @@\n-old\n+new\n same", "diff"), ["+new"]);
  assert.deepEqual(of("removed", "@@ -1 +1 @@\n-old\n+new\n same", "diff"), ["-old"]);
});

test("languages are known by their usual names, and others are left alone", () => {
  for (const name of ["js", "TypeScript", "PY", "c++", "rs", "sh", "yml", "toml"]) assert.ok(highlighted("x", name), name);
  for (const name of ["", "klingon", "constructor", "__proto__"]) assert.equal(highlighted("x", name), null, name);
  assert.equal(highlighted("x".repeat(20_001), "js"), null);
});

const NASTY = [`"`, `'`, "`", `"""`, "/*", "<!--", "\\", "\\\"", "#", "//", "--", "@@", "a:", "${", "<", "1.", "日本", "\n", " ", "😀", "\u0000", "\ud800"];

test("no text is lost or changed, whatever it is, and none takes long", () => {
  let seed = 7;
  const next = (most) => (seed = (seed * 48_271) % 2_147_483_647) % most;
  for (const name of ["js", "css", "diff", "ini", "json", "lua", "html", "py", "rb", "sh", "sql", "yaml"]) {
    for (let round = 0; round < 200; round++) {
      const text = Array.from({ length: next(40) }, () => NASTY[next(NASTY.length)]).join("");
      const pieces = highlighted(text, name);
      assert.equal(pieces.map((piece) => piece.text).join(""), text);
      assert.ok(pieces.every((piece) => piece.text !== ""));
    }
    const usual = effort("if a b ", name);
    for (const part of NASTY) {
      const long = effort(part, name);
      assert.ok(long < 100 * usual, `${name} ${JSON.stringify(part)}: ${long} µs against ${usual} µs`);
    }
  }
});

/** Processor time for a long text of such parts, in µs: the least of some tries. */
function effort(part, language) {
  const text = part.repeat(Math.ceil(20_000 / part.length)).slice(0, 20_000);
  const tries = Array.from({ length: 3 }, () => {
    const begun = process.cpuUsage().user;
    highlighted(text, language);
    return process.cpuUsage().user - begun;
  });
  return Math.max(Math.min(...tries), 500);
}
