import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { findPeople, FoundPeople } from "../../static/lib/found-people.js";
import { Places } from "../../static/lib/places.js";

mock.timers.enable({ apis: ["setTimeout"] });
const PLACE = "people.find/v1";
const ZOE = { id: "z", username: "zoe.last", name: "Zoë" };
const ZAC = { id: "c", username: "zac", name: "Zac" };

/** Places with a plugin that finds people, which are answered when the test says so. */
function asked() {
  const places = new Places();
  const questions = [];
  places.put("directory", PLACE, { id: "people", find: (given) => new Promise((resolve, reject) => questions.push({ ...given, resolve, reject })) });
  return { places, questions };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test("nobody is found without a plugin", async () => {
  const people = new FoundPeople(new Places(), () => assert.fail("nobody was found"));
  assert.equal(people.isThere, false);
  assert.deepEqual(people.of("zoe"), []);
  mock.timers.tick(1_000);
  assert.deepEqual(await findPeople(new Places(), "zoe"), { items: [], after: undefined });
});

test("a page has its people and its place", async () => {
  const { places, questions } = asked();
  const page = findPeople(places, "z", "there");
  assert.deepEqual([questions[0].text, questions[0].after], ["z", "there"]);
  questions[0].resolve({ people: [ZOE], after: "further" });
  assert.deepEqual(await page, { items: [ZOE], after: "further" });
});

test("who types is asked for once, when they have typed", async () => {
  const { places, questions } = asked();
  let told = 0;
  const people = new FoundPeople(places, () => (told += 1));
  assert.equal(people.isThere, true);
  for (const text of ["z", "zo", "zo"]) {
    assert.deepEqual(people.of(text), []);
    mock.timers.tick(150);
  }
  mock.timers.tick(50);
  assert.deepEqual(questions.map(({ text }) => text), ["zo"]);
  questions[0].resolve({ people: [ZOE] });
  await settled();
  assert.equal(told, 1);
  assert.deepEqual(people.of("zo"), [ZOE]);
  assert.equal(questions.length, 1);
});

test("while a longer text is asked for, those stay who have it", async () => {
  const { places, questions } = asked();
  const people = new FoundPeople(places, () => {});
  people.of("z");
  mock.timers.tick(200);
  questions[0].resolve({ people: [ZOE, ZAC] });
  await settled();
  assert.deepEqual(people.of("@zoe.l"), [ZOE]);
  assert.deepEqual(people.of(""), []);
  assert.deepEqual(people.of("@"), []);
  mock.timers.tick(1_000);
  assert.equal(questions.length, 1, "nothing is looked for");
});

test("an answer that comes too late does not count, and one that fails is named", async (context) => {
  const { places, questions } = asked();
  let told = 0;
  const people = new FoundPeople(places, () => (told += 1));
  people.of("za");
  mock.timers.tick(200);
  people.of("zo");
  mock.timers.tick(200);
  questions[0].resolve({ people: [ZAC] });
  await settled();
  assert.deepEqual([told, people.of("zo")], [0, []]);
  const complained = context.mock.method(console, "error", () => {});
  questions[1].reject(new Error("broken"));
  await settled();
  assert.equal(complained.mock.callCount(), 1);
  assert.deepEqual([told, people.of("zo")], [0, []]);
});
