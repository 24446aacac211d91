import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { hasWord, isQuiet, MOST_WORDS, scheduleOf, scheduleText, untilOf } from "../../static/lib/wishes.js";

const { quiet, words } = JSON.parse(readFileSync(new URL("./wishes.json", import.meta.url), "utf8"));

for (const { schedule, until, at, is } of quiet)
  test(`${schedule ?? until ?? "nothing"} at ${at}`, () => {
    const preferences = new Map([["notify.schedule", schedule], ["notify.until", until]]);
    assert.equal(isQuiet(preferences, Date.parse(at)), is);
  });

for (const { words: wanted, text, is } of words)
  test(`${JSON.stringify(wanted)} in ${text}`, () => assert.equal(hasWord(wanted, text), is));

test("a zone that the browser does not know is the one here", () => {
  const preferences = new Map([["notify.schedule", "1234567 00:00 00:00 No/Where"]]);
  assert.ok(isQuiet(preferences, Date.now()));
});

test("words beyond the most do not count", () => {
  const many = Array.from({ length: MOST_WORDS + 1 }, (_, index) => `w${index}`).join("\n");
  assert.deepEqual([hasWord(many, "w49"), hasWord(many, "w50")], [true, false]);
});

test("a schedule is read as it was written", () => {
  const schedule = { days: ["1", "5"], from: "22:00", to: "07:00", zone: "Asia/Tokyo" };
  assert.deepEqual(scheduleOf(scheduleText(schedule)), schedule);
  assert.equal(scheduleOf(undefined), null);
  assert.equal(untilOf(new Map(), 5), 5);
});
