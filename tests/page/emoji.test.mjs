import assert from "node:assert/strict";
import { test } from "node:test";
import { pictured } from "../../static/lib/emoji.js";
import { Places } from "../../static/lib/places.js";

const places = new Places();
places.put("emoji", "message.emoji/v1", { id: "own", pictures: { party: "/party", fire: "/fire", a_1: "/a", gone: null } });
places.put("more", "message.emoji/v1", { id: "own", pictures: { party: "/other", "two-words": "/two", constructor2: "/c" } });

/** The text with each picture as its address in angle brackets. */
function shown(text) {
  const parts = pictured(text, places);
  assert.equal(parts.map((part) => part.text).join(""), text);
  return parts.map(({ text: plain, src }) => (src ? `<${src}>` : plain)).join("");
}

for (const [text, wanted] of [
  ["Hooray :party:!", "Hooray </party>!"],
  [":party:", "</party>"],
  [":party::fire: :a_1:", "</party></fire> </a>"],
  ["(:fire:)", "(</fire>)"],
  ["祝:two-words:", "祝</two>"],
  [":none:party:", ":none:party:"],
  [":party:fire:", "</party>fire:"],
  [":gone: :constructor: :toString:", ":gone: :constructor: :toString:"],
  ["std::fire::x host:fire: /:fire: a_:fire:", "std::fire::x host:fire: /:fire: a_:fire:"],
  ["`:party:` :party: ``a ` :fire:`` :fire:", "`:party:` </party> ``a ` :fire:`` </fire>"],
  ["an `open :party:", "an `open </party>"],
  [":Party: :par ty: :p: ::", ":Party: :par ty: :p: ::"],
  ["", ""],
])
  test(`emoji in ${JSON.stringify(text)}`, () => assert.equal(shown(text), wanted));

test("without plugins, or without a colon, a text is one part", () => {
  assert.deepEqual(pictured(":party:", new Places()), [{ text: ":party:" }]);
  assert.deepEqual(pictured("party", places), [{ text: "party" }]);
});

test("any text is read in time that grows with its length alone", () => {
  const runs = Array.from({ length: 120 }, (_, length) => `${"`".repeat(length + 1)}:x`).join(" ");
  for (const text of ["`".repeat(8_000), "` `` ".repeat(1_600), ":".repeat(8_000), ":party".repeat(1_400), runs]) shown(text);
});
