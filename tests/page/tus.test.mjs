import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { upload } from "../../plugins/attachments/page/tus.js";

const SIZE = 1_500_000; // two parts
let asked, failures, stored;

beforeEach(() => {
  [asked, failures, stored] = [[], [], 0];
  mock.timers.enable({ apis: ["setTimeout"] });
  globalThis.location = { href: "http://localhost/" };
  mock.method(globalThis, "fetch", async (_path, { method, body }) => {
    asked.push([method, body?.size]);
    if (method === "POST") return new Response("", { status: 201, headers: { Location: "/api/v1/uploads/abc" } });
    if (method === "PATCH") stored += body.size;
    const failure = method === "PATCH" && failures.shift();
    if (failure) return Response.json({ error: { code: failure[1], message: "no" } }, { status: failure[0] });
    return new Response(null, { status: 204, headers: { "Upload-Offset": String(stored) } });
  });
});

afterEach(() => {
  mock.restoreAll();
  mock.timers.reset();
});

function uploaded() {
  const passing = setInterval(() => mock.timers.tick(60_000), 1);
  const file = new Blob([new Uint8Array(SIZE)]);
  return upload(file, { signal: new AbortController().signal }).finally(() => clearInterval(passing));
}

test("a file is sent part by part", async () => {
  assert.equal(await uploaded(), "abc");
  assert.deepEqual(asked, [["POST", undefined], ["PATCH", 1_000_000], ["PATCH", 500_000]]);
});

test("one that is all there, but not looked at yet, is asked about until it is", async () => {
  failures = [null, [503, "blob.unavailable"], [503, "blob.unavailable"]];
  assert.equal(await uploaded(), "abc");
  assert.deepEqual(asked.slice(3), [["HEAD", undefined], ["PATCH", 0], ["HEAD", undefined], ["PATCH", 0]]);
});

test("one that is refused at its end says why", async () => {
  failures = [null, [422, "action.refused"]];
  await assert.rejects(uploaded(), { code: "action.refused" });
});
