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

test("of many files three are under way at once, and the others follow in their order", async () => {
  const made = [];
  const held = [];
  globalThis.fetch = async (_path, { method, headers, body }) => {
    if (method === "POST") {
      made.push(headers["Upload-Length"]);
      return new Response("", { status: 201, headers: { Location: `/api/v1/uploads/${made.length}` } });
    }
    await new Promise((resolve) => held.push(resolve));
    return new Response(null, { status: 204, headers: { "Upload-Offset": String(body.size) } });
  };
  const some = [1, 2, 3, 4, 5].map((size) => new Blob([new Uint8Array(size)]));
  const stops = some.map(() => new AbortController());
  const results = some.map((file, index) => upload(file, { signal: stops[index].signal }).catch(() => "ended"));
  await settled();
  assert.deepEqual([made, held.length], [["1", "2", "3"], 3]);
  held.shift()();
  assert.equal(await results[0], "1");
  await settled();
  assert.deepEqual(made, ["1", "2", "3", "4"]);
  while (held.length) {
    held.shift()();
    await settled();
  }
  assert.deepEqual(await Promise.all(results), ["1", "2", "3", "4", "5"]);
});

test("one whose turn comes after it was taken away is not begun, and holds up no other", async () => {
  const held = [];
  globalThis.fetch = async (path, { method, signal, body }) => {
    signal?.throwIfAborted();
    asked.push(`${method} ${path}`);
    if (method === "POST") return new Response("", { status: 201, headers: { Location: `/api/v1/uploads/${asked.length}` } });
    await new Promise((resolve) => held.push(resolve));
    return new Response(null, { status: 204, headers: { "Upload-Offset": String(body.size) } });
  };
  const stops = [1, 2, 3, 4, 5].map(() => new AbortController());
  const results = stops.map(({ signal }) => upload(new Blob(["x"]), { signal }).catch(() => "ended"));
  stops[3].abort();
  await settled();
  while (held.length) {
    held.shift()();
    await settled();
  }
  const all = await Promise.all(results);
  assert.equal(all[3], "ended");
  assert.equal(all.filter((each) => each === "ended").length, 1);
  assert.equal(asked.filter((each) => each.startsWith("POST")).length, 4);
});

test("a server that has enough uploads of this person already is asked again", async () => {
  const answered = globalThis.fetch;
  let refusals = 2;
  globalThis.fetch = async (path, options) => {
    if (options.method !== "POST" || refusals-- <= 0) return answered(path, options);
    asked.push(["refused"]);
    return Response.json({ error: { code: "limit.rate", message: "no" } }, { status: 429 });
  };
  assert.equal(await uploaded(), "abc");
  assert.deepEqual(asked.slice(0, 3), [["refused"], ["refused"], ["POST", undefined]]);
});

/** Until everything that does not wait has been done. */
function settled() {
  return new Promise((resolve) => setImmediate(resolve));
}
