/** Whom messages mention, and which texts name many. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { isMentioned, namesMany } from "../../static/lib/mentions.js";
import { namesIn, roomsIn } from "../../static/lib/names.js";

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

test("names of rooms in a text are those of rooms that the reader is in, the longest where several fit", () => {
  const rooms = new Map(
    [
      { id: "r1", name: "Garden" },
      { id: "r2", name: "Garden tools" },
      { id: "r3", name: "雑談" },
      { id: "r4", name: "C++ (old)" },
      { id: "r5", name: "Elsewhere", joined: false },
      { id: "r6", name: "", kind: "direct" },
    ].map((room) => [room.id, { joined: true, kind: "public", ...room }]),
  );
  const found = (text) => roomsIn(text, rooms).filter(({ room }) => room).map(({ text: name, room }) => `${name}=${room}`);
  for (const text of ["", "none", "#", "#garden #garden", "a#Garden #Garden tools#Garden"]) assert.equal(roomsIn(text, rooms).map((part) => part.text).join(""), text);
  assert.deepEqual(found("See #Garden, #garden tools."), ["#Garden=r1", "#garden tools=r2"]);
  assert.deepEqual(found("（#雑談）#C++ (old)"), ["#雑談=r3", "#C++ (old)=r4"]);
  assert.deepEqual(found("#Gardens #Garden-x #雑談室 a#Garden ##Garden #Elsewhere # /#Garden"), []);
});
