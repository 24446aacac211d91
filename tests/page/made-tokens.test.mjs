import assert from "node:assert/strict";
import test from "node:test";

import { canHash, newSecret, sha256 } from "../../static/lib/made-tokens.js";

test("each secret is another one, of 64 hexadecimal digits", () => {
  const made = new Set(Array.from({ length: 100 }, newSecret));
  assert.equal(made.size, 100);
  for (const secret of made) assert.match(secret, /^[0-9a-f]{64}$/);
});

test("the hash is that of the text's bytes", async () => {
  assert.ok(canHash());
  assert.equal(await sha256("a token"), "e3316e2bafebb6103a3418e8778c0adc960d40213a03a7e7f4fcd3426ed807bf");
  assert.equal(await sha256("é"), "4a99557e4033c3539de2eb65472017cad5f9557f7a0625a09f1c3f6e2ba69c4c");
});
