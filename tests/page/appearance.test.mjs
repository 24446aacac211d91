import assert from "node:assert/strict";
import { test } from "node:test";
import { chooseAppearance, chosenAppearance } from "../../static/lib/appearance.js";

function storage(kept = null) {
  const items = new Map(kept === null ? [] : [["appearance", kept]]);
  return () => ({ getItem: (key) => items.get(key) ?? null, setItem: (key, value) => items.set(key, value) });
}

const FIRST = { theme: "system", density: "comfortable" };

test("a choice is kept beside the others", () => {
  const place = storage();
  assert.deepEqual(chosenAppearance(place), FIRST);
  assert.deepEqual(chooseAppearance("theme", "dark", place), { ...FIRST, theme: "dark" });
  chooseAppearance("density", "compact", place);
  assert.deepEqual(chosenAppearance(place), { theme: "dark", density: "compact" });
});

test("what cannot be a choice counts as none", () => {
  for (const kept of ["", "null", "7", "[]", "{", '{"theme": "pink"}', '{"theme": ["dark"], "density": null}'])
    assert.deepEqual(chosenAppearance(storage(kept)), FIRST, kept);
});

test("blocked storage stops nothing", () => {
  const blocked = () => {
    throw new DOMException("", "SecurityError");
  };
  assert.deepEqual(chosenAppearance(blocked), FIRST);
  assert.deepEqual(chooseAppearance("theme", "light", blocked), { ...FIRST, theme: "light" });
});
