/** Whom messages mention, and which texts name many. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { isMentioned, namesIn, namesMany } from "../../static/lib/mentions.js";

test("one is mentioned by name, or with everybody", () => {
  assert.ok(isMentioned({ mentions: ["u1", "u2"] }, "u2"));
  assert.ok(isMentioned({ mentions: ["@room"] }, "u2"));
  assert.ok(!isMentioned({ mentions: ["u1"] }, "u2"));
  assert.ok(!isMentioned({}, "u2"));
});

test("a text names many as the server reads it", () => {
  for (const text of ["@room", "Lunch, @here?", "@ROOM.", "（@room）", "a\n@here"]) assert.ok(namesMany(text), text);
  for (const text of ["mail@room", "@roommate", "@ room", "@room-mate", "@here.is", "x.@room", "@@room", "room"]) assert.ok(!namesMany(text), text);
});

test("names in a text are those that the server reads there", () => {
  const names = (text) => namesIn(text).filter(({ isName }) => isName).map((part) => part.text);
  for (const text of ["", "none", "@ada", "（@ada）と@ben.", "@a-b.c, @@d mail@e @f-"]) assert.equal(namesIn(text).map((part) => part.text).join(""), text);
  assert.deepEqual(names("（@ada） @ben."), ["@ada", "@ben"]);
  assert.deepEqual(names("@a-b.c, @@d mail@e @f-"), ["@a-b.c", "@f"]);
});
