import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { hasWord, isQuiet, isTimed, MOST_WORDS, quietUntil, scheduleOf, scheduleText, untilOf } from "../../static/lib/wishes.js";

const { quiet, words } = JSON.parse(readFileSync(new URL("./wishes.json", import.meta.url), "utf8"));

for (const { schedule, until, at, is } of quiet)
  test(`${schedule ?? until ?? "nothing"} at ${at}`, () => {
    const preferences = new Map([["notify.schedule", schedule], ["notify.until", until]]);
    assert.equal(isQuiet(preferences, Date.parse(at)), is);
    const end = quietUntil(preferences, Date.parse(at));
    assert.equal(end !== null, is);
    if (is && end !== Infinity) assert.deepEqual([isQuiet(preferences, end - 1), isQuiet(preferences, end)], [true, false]);
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

test("a while and hours that follow each other end together", () => {
  const end = (schedule, until, at) => {
    const found = quietUntil(new Map([["notify.schedule", schedule], ["notify.until", until]]), Date.parse(at));
    return Number.isFinite(found) && found !== null ? new Date(found).toISOString() : found;
  };
  const NIGHTS = "1234567 22:00 07:00 Europe/Berlin";
  assert.equal(end(undefined, undefined, "2026-07-01T10:00:00Z"), null);
  assert.equal(end(undefined, "2026-07-01T11:00:00.000Z", "2026-07-01T10:00:00Z"), "2026-07-01T11:00:00.000Z");
  assert.equal(end(undefined, "2026-07-01T11:00:00.000Z", "2026-07-01T11:00:00Z"), null);
  assert.equal(end(NIGHTS, undefined, "2026-07-01T20:30:30Z"), "2026-07-02T05:00:00.000Z");
  assert.equal(end(NIGHTS, "2026-07-01T21:00:00.000Z", "2026-07-01T19:00:00Z"), "2026-07-02T05:00:00.000Z");
  assert.equal(end(NIGHTS, "2026-07-02T09:00:00.000Z", "2026-07-01T22:00:00Z"), "2026-07-02T09:00:00.000Z");
  assert.equal(end("1 00:00 00:00 Asia/Tokyo", undefined, "2026-07-06T03:00:00Z"), "2026-07-06T15:00:00.000Z");
  assert.equal(end("1234567 00:00 00:00 Asia/Tokyo", undefined, "2026-07-06T03:00:00Z"), Infinity);
  for (const [at, is] of [["2026-03-28T22:30:00Z", "2026-03-29T05:00:00.000Z"], ["2026-10-24T22:30:00Z", "2026-10-25T06:00:00.000Z"]]) assert.equal(end(NIGHTS, undefined, at), is); // the clock is changed in these nights
});

test("only what is yet to come or comes every week changes by itself", () => {
  const timed = (preferences) => isTimed(new Map(Object.entries(preferences)), Date.parse("2026-07-01T10:00:00Z"));
  assert.deepEqual([{}, { "notify.words": "a" }, { "notify.until": "2026-07-01T09:00:00Z" }].map(timed), [false, false, false]);
  assert.deepEqual([{ "notify.until": "2026-07-01T11:00:00Z" }, { "notify.schedule": "1 22:00 07:00 UTC" }].map(timed), [true, true]);
});
