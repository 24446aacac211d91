import assert from "node:assert/strict";
import { test } from "node:test";
import { NamedMembers } from "../../static/lib/named-members.js";

const BEN = { id: "1", username: "ben" };

test("each name is asked for once, and a name that nobody has is known as such", async () => {
  const asked = [];
  const members = new NamedMembers(async (room, text) => (asked.push(`${room} ${text}`), { items: [{ id: "2", username: "benny" }, BEN] }));
  for (const name of ["ben", "be", "ben"]) members.of("r", name);
  assert.equal(members.of("r", "ben").person, undefined);
  await Promise.all(["ben", "be"].map((name) => members.of("r", name).answered));
  assert.equal(members.of("r", "ben").person, BEN);
  assert.equal(members.of("r", "be").person, null);
  members.of("other", "ben");
  assert.deepEqual(asked, ["r ben", "r be", "other ben"]);
});

test("where the server did not answer it is asked again", async () => {
  let answers = false;
  const members = new NamedMembers(async () => {
    if (!answers) throw new Error("away");
    return { items: [BEN] };
  });
  await members.of("r", "ben").answered;
  answers = true;
  await members.of("r", "ben").answered;
  assert.equal(members.of("r", "ben").person, BEN);
});

test("of hundreds of names at most sixty a minute are asked for, and only so many are remembered", async () => {
  let [asked, now] = [0, 0];
  const members = new NamedMembers(async () => (asked++, { items: [] }), () => now);
  for (let name = 0; name < 500; name++) members.of("r", `name${name}`);
  assert.equal(asked, 60);
  assert.deepEqual(members.of("r", "name499"), {});
  now = 60_000;
  await members.of("r", "name499").answered;
  assert.equal(members.of("r", "name499").person, null);
  assert.equal(asked, 61);
  for (let minute = 2; minute < 40; minute++) {
    now = minute * 60_000;
    for (let name = 0; name < 60; name++) members.of("r", `${minute} ${name}`);
  }
  now = 40 * 60_000;
  const before = asked;
  members.of("r", "39 59"); // remembered
  members.of("r", "name0"); // the first is forgotten
  assert.equal(asked, before + 1);
});
