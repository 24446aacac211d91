import assert from "node:assert/strict";
import { test } from "node:test";
import { chosenLately, completed, found, groupsOf, MOST_RECENT, noteChosen, recent, setTone, toned, toneOf } from "../../static/lib/emoji-known.js";

const LISTED = [
  { label: "Smileys", emoji: [{ text: "😃", names: ["smiley", "grinning_face_with_big_eyes"], words: "笑顔" }, { text: "😄", names: ["smile"] }] },
  { label: "People", emoji: [{ text: "👍", names: ["+1", "thumbs_up"], has_tones: true }, { text: "✌️", names: ["v"], has_tones: true }] },
];
const GROUPS = groupsOf([LISTED, { logo: "◆", smile: "no" }], [{ wavy: "/wavy", gone: null, smile: "/no", logo: "/no" }], "Our own");
const texts = (emoji) => emoji.map(({ text }) => text);

/** The preferences of an account. */
function preferences() {
  const kept = {};
  return { kept, get: (key) => kept[key] ?? undefined, set: (values) => void Object.assign(kept, values) };
}

test("groups have what is listed, and first what the server has of its own, each name once", () => {
  assert.deepEqual(GROUPS.map(({ label, emoji }) => [label, texts(emoji)]), [["Our own", [":wavy:", "◆"]], ["Smileys", ["😃", "😄"]], ["People", ["👍", "✌️"]]]);
  assert.equal(GROUPS[0].emoji[0].src, "/wavy");
  assert.deepEqual(groupsOf([undefined, {}], [], "Our own"), []); // of a plugin that failed
});

test("one is found by names and words, first where they begin so", () => {
  assert.deepEqual(texts(found(GROUPS, " Thumbs Up ")), ["👍"]);
  assert.deepEqual(texts(found(GROUPS, "笑")), ["😃"]);
  assert.deepEqual(texts(found(GROUPS, "i")), ["😃", "😄"]);
  assert.deepEqual(texts(found(GROUPS, "v")), ["✌️", ":wavy:"]);
  assert.deepEqual(found(GROUPS, "nothing"), []);
});

test("a name that is typed is completed to the shortest first, and each emoji is there once", () => {
  assert.deepEqual(completed(GROUPS, "smi").map(({ name }) => name), ["smile", "smiley"]);
  assert.deepEqual(completed(GROUPS, "smiley").map(({ name }) => name), ["smiley"]);
  assert.deepEqual(completed(GROUPS, "up").map(({ emoji, name }) => [emoji.text, name]), [["👍", "thumbs_up"]]);
  assert.deepEqual(completed(GROUPS, "ace"), []);
});

test("a tone is behind the first character, in place of what asks for a picture", () => {
  assert.deepEqual(GROUPS[2].emoji.map((emoji) => toned(emoji, "🏽")), ["👍🏽", "✌🏽"]);
  assert.equal(toned(GROUPS[1].emoji[0], "🏽"), "😃");
  assert.equal(toned(GROUPS[2].emoji[1], ""), "✌️");
});

test("the tone and the last that were chosen are kept with the account", () => {
  const account = preferences();
  assert.deepEqual([toneOf(account), recent(account)], ["", []]);
  setTone(account, "🏿");
  assert.equal(toneOf(account), "🏿");
  setTone(account, "");
  assert.deepEqual([toneOf(account), account.kept["emoji.tone"]], ["", null]);
  account.set({ "emoji.tone": "x" });
  assert.equal(toneOf(account), "");
  for (const text of ["😃", "👍🏽", ":gone:", "😃"]) noteChosen(account, text);
  assert.deepEqual(recent(account), ["😃", ":gone:", "👍🏽"]);
  assert.deepEqual(texts(chosenLately(GROUPS, recent(account))), ["😃", "👍🏽"]);
  assert.equal(toned(chosenLately(GROUPS, recent(account))[1], "🏿"), "👍🏽"); // it keeps the tone that it was chosen with
  for (let number = 0; number < 100; number++) noteChosen(account, `:${"x".repeat(28)}${number}:`);
  assert.ok(recent(account).length <= MOST_RECENT && account.kept["emoji.recent"].length <= 500);
  assert.ok(recent(account)[0].endsWith("99:"));
});
