import assert from "node:assert/strict";
import { test } from "node:test";
import { Api } from "../../static/lib/api.js";

test("an answer about who is signed in that never comes is none", async (context) => {
  const soon = new AbortController();
  context.mock.method(AbortSignal, "timeout", (ms) => {
    setTimeout(() => soon.abort(), ms / 1000);
    return soon.signal;
  });
  const hanging = new Api((_path, { signal }) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))));
  await assert.rejects(hanging.me(), { code: "connection.lost" });
});
