import assert from "node:assert/strict";
import { test } from "node:test";
import { AccountPreferences } from "../../static/lib/account-preferences.js";
import { chooseAppearance, chosenAppearance } from "../../static/lib/appearance.js";

const FIRST = { theme: "system", density: "comfortable" };

test("a choice is kept beside the others, and the first of all is none", () => {
  const account = new AccountPreferences();
  account.start("ada");
  assert.deepEqual(chosenAppearance(account), FIRST);
  chooseAppearance("theme", "dark", account);
  chooseAppearance("density", "compact", account);
  assert.deepEqual(chosenAppearance(account), { theme: "dark", density: "compact" });
  chooseAppearance("theme", "system", account);
  assert.equal(account.get("theme"), undefined);
});

test("what cannot be a choice counts as none", () => {
  const account = new AccountPreferences();
  account.start("ada");
  account.set({ theme: "pink", density: "constructor" });
  assert.deepEqual(chosenAppearance(account), FIRST);
});
