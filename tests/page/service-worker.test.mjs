import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import vm from "node:vm";

const SOURCE = (await readFile(new URL("../../static/service-worker.js", import.meta.url), "utf8")).replace('BUILD = ""', 'BUILD = "2"');
const ORIGIN = "https://chat.example";

/** The worker, whose cache holds the page; `fetch` is the network. Returns what a reload of the page is answered with. */
function worker(fetch) {
  const listeners = {};
  const cache = { match: async (url) => (url === "/" ? "kept" : undefined) };
  const self = { addEventListener: (type, listener) => (listeners[type] = listener), location: { origin: ORIGIN } };
  vm.runInNewContext(SOURCE, { self, caches: { open: async () => cache }, fetch, setTimeout, clearTimeout, AbortController, URL });
  return async ({ path = "/", cache = "no-cache" } = {}) => {
    let answer;
    const request = { method: "GET", mode: "navigate", cache, url: ORIGIN + path };
    listeners.fetch({ request, respondWith: (given) => (answer = given) });
    return answer;
  };
}

test("a reload that the server does not answer in four seconds shows the page that was kept", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const reload = worker((_request, { signal }) => new Promise((_, refuse) => signal.addEventListener("abort", () => refuse(signal.reason))));
  const answer = reload();
  context.mock.timers.tick(4000);
  assert.equal(await answer, "kept");
});

test("a page that has begun to arrive is not cut off, however long it takes", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  let signal;
  const reload = worker(async (_request, options) => {
    signal = options.signal;
    return { ok: true };
  });
  assert.deepEqual(await reload(), { ok: true });
  context.mock.timers.tick(60_000);
  assert.equal(signal.aborted, false);
});

test("a reload that the server refuses, or that has no network, shows the page that was kept", async () => {
  assert.equal(await worker(async () => ({ ok: false }))(), "kept");
  assert.equal(await worker(() => Promise.reject(new TypeError("no network")))(), "kept");
});

test("a link to a message is answered with the page that is kept; other addresses are the server's", async () => {
  const open = worker(() => assert.fail("the network was asked"));
  assert.equal(await open({ path: "/m/room-12", cache: "default" }), "kept");
  for (const path of ["/m/", "/m/room-12/x", "/mx", "/api/v1/messages/room-12"]) assert.equal(await open({ path, cache: "default" }), undefined, path);
});
