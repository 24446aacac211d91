import assert from "node:assert/strict";
import { test } from "node:test";
import { forEach } from "../../static/lib/batch.js";
import { RequestError } from "../../static/lib/socket.js";

const later = (after_ms = 0) => new RequestError({ code: "limit.rate", message: "", retry: "later", after_ms });
const never = (code = "room.forbidden") => new RequestError({ code, message: "" });
const numbers = (count) => Array.from({ length: count }, (_, place) => place + 1);

/** Does it without waiting; returns what came of it, and the waits in ms. */
async function doneWith(items, run, given = {}) {
  const waits = [];
  const sleep = async (ms) => void waits.push(ms);
  const outcome = await forEach(items, run, { signal: new AbortController().signal, sleep, ...given });
  return { ...outcome, waits };
}

test("each is done once, and three at a time at most", async () => {
  let running = 0;
  let most = 0;
  const began = [];
  const counts = [];
  const run = async (item) => {
    began.push(item);
    running += 1;
    most = Math.max(most, running);
    await new Promise(setImmediate);
    running -= 1;
  };
  const { done, failed } = await doneWith(numbers(10), run, { onProgress: (count) => counts.push(count) });
  assert.deepEqual([began, failed, most], [numbers(10), [], 3]);
  assert.deepEqual(done.toSorted((a, b) => a - b), numbers(10));
  assert.deepEqual(counts, numbers(10));
});

test("none to do is done", async () => {
  const { done, failed } = await doneWith([], () => assert.fail());
  assert.deepEqual([done, failed], [[], []]);
});

test("one that is refused does not keep the others from being done", async () => {
  const counts = [];
  const run = async (item) => {
    if (item === 2) throw never();
  };
  const { done, failed, waits } = await doneWith([1, 2, 3], run, { onProgress: (count) => counts.push(count) });
  assert.deepEqual([done, counts.at(-1)], [[1, 3], 3]);
  assert.deepEqual(failed.map(({ item, error }) => [item, error.code]), [[2, "room.forbidden"]]);
  assert.deepEqual(waits, []);
});

test("what is refused for the moment is tried again when the server says", async () => {
  const left = [later(700), later(800)];
  const { done, waits } = await doneWith([1], async () => {
    if (left.length) throw left.shift();
  });
  assert.deepEqual([done, waits], [[1], [700, 800]]);
});

test("the others wait, too", async () => {
  let wake = () => {};
  const sleep = () => new Promise((resolve) => (wake = resolve));
  const began = [];
  let refusals = 1;
  const all = doneWith(numbers(5), async (item) => {
    began.push(item);
    if (refusals-- > 0) throw later(500);
  }, { sleep });
  for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
  const before = began.length;
  assert.ok(before <= 3);
  wake();
  const { done } = await all;
  assert.equal(done.length, 5);
  assert.equal(began.length, 6);
});

test("of two waits the longer one counts", async () => {
  const sleeping = new Map(); // what ends them, by their ms
  const sleep = (ms) => new Promise((resolve) => sleeping.set(ms, resolve));
  const left = [later(900), later(100)];
  let begun = 0;
  const all = doneWith(numbers(2), async () => {
    begun += 1;
    if (left.length) throw left.shift();
  }, { sleep });
  const turns = async () => {
    for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
  };
  await turns();
  sleeping.get(100)();
  await turns();
  assert.equal(begun, 2);
  sleeping.get(900)();
  assert.deepEqual((await all).done, [1, 2]);
});

test("where the server does not say when, each wait is twice as long, and at last it has failed", async () => {
  const { failed, waits } = await doneWith([1], async () => {
    throw later();
  });
  assert.deepEqual(waits, [1_000, 2_000, 4_000, 8_000, 16_000, 32_000]);
  assert.deepEqual(failed.map(({ item, error }) => [item, error.code]), [[1, "limit.rate"]]);
});

test("it gives up what is refused again and again", async () => {
  const { failed, waits } = await doneWith([1], async () => {
    throw later(5);
  });
  assert.deepEqual([failed.length, waits.length], [1, 7]);
});

test("what would take longer than a minute has failed", async () => {
  const { failed, waits } = await doneWith([1], async () => {
    throw later(60_001);
  });
  assert.deepEqual([failed.length, waits], [1, []]);
});

test("after a lost connection, and any other fault, it is not tried again", async () => {
  const lost = new RequestError({ code: "connection.lost", message: "", retry: "later" });
  const fault = new TypeError("of a plugin");
  const tried = [];
  const { failed } = await doneWith([lost, fault], async (error) => {
    tried.push(error);
    throw error;
  });
  assert.deepEqual(tried, [lost, fault]);
  assert.deepEqual(failed, [{ item: lost, error: lost }, { item: fault, error: fault }]);
});

test("once it is ended, nothing more is begun, and what was not begun is in neither list", async () => {
  const ending = new AbortController();
  const began = [];
  const { done, failed } = await doneWith(
    numbers(9),
    async (item) => {
      began.push(item);
      if (item === 3) ending.abort();
      await new Promise(setImmediate);
    },
    { signal: ending.signal },
  );
  assert.deepEqual([began, failed], [[1, 2, 3], []]);
  assert.deepEqual(done, [1, 2, 3]);
});

test("a wait ends when all does", async () => {
  const ending = new AbortController();
  let tries = 0;
  const all = forEach([1], async () => {
    tries += 1;
    setImmediate(() => ending.abort());
    throw later(50_000);
  }, { signal: ending.signal });
  const { done, failed } = await all;
  assert.deepEqual([tries, done, failed], [1, [], []]);
});
