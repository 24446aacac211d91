import assert from "node:assert/strict";
import { test } from "node:test";
import { dismiss, isDismissed } from "../../static/lib/dismissed.js";

function storage(kept = {}) {
  return { getItem: (key) => kept[key] ?? null, setItem: (key, value) => (kept[key] = value) };
}

test("what one user has closed stays closed for this user alone", () => {
  const here = storage();
  assert.equal(isDismissed(here, "ada", "owner"), false);
  dismiss(here, "ada", "owner");
  dismiss(here, "ada", "owner");
  dismiss(here, "bob", "tour");
  assert.equal(isDismissed(here, "ada", "owner"), true);
  assert.equal(isDismissed(here, "bob", "owner"), false);
  assert.equal(isDismissed(here, "bob", "tour"), true);
  assert.equal(JSON.parse(here.getItem("dismissed")).length, 2);
});

test("storage that is blocked, full, or was written by something else is no error", () => {
  const blocked = {};
  blocked.getItem = blocked.setItem = () => {
    throw new Error("blocked");
  };
  dismiss(blocked, "ada", "owner");
  assert.equal(isDismissed(blocked, "ada", "owner"), false);
  for (const strange of ["{", "{}", "null", '"ada/owner"']) assert.equal(isDismissed(storage({ dismissed: strange }), "ada", "owner"), false);
});
