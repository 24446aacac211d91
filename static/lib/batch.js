/** One operation for each of many items, a few at a time. No DOM. */

const AT_ONCE = 3;
const TRIES = 8; // of an item that the server refuses for the moment
const RETRY_MS = 1_000; // where it does not say for how long; twice as long each time
const LONGEST_WAIT_MS = 60_000; // what takes longer has failed

/**
 * Calls `run(item)` for each item, begun in their order. If the server refuses one for the moment, all wait for as long as it
 * says. After a lost connection nobody knows what the server did, so that item has failed. Once `signal` aborts, none is begun.
 * Resolves with `{done: [item, …], failed: [{item, error}, …]}`, without those that were not begun; `onProgress(count)` is told
 * how many are in either.
 */
export async function forEach(items, run, { signal, onProgress = (_count) => {}, sleep = asleep }) {
  const waiting = [...items];
  const done = [];
  const failed = [];
  /** @type {Promise<unknown>} */
  let pause = Promise.resolve();

  async function attempt(item) {
    for (let tries = 1; ; tries++) {
      await pause;
      if (signal.aborted) return;
      try {
        await run(item);
        done.push(item);
        return;
      } catch (error) {
        const wait = error.afterMs || RETRY_MS * 2 ** (tries - 1);
        if (!isPassing(error) || tries === TRIES || wait > LONGEST_WAIT_MS) {
          failed.push({ item, error });
          return;
        }
        pause = Promise.all([pause, sleep(wait, signal)]);
      }
    }
  }

  async function work() {
    while (waiting.length) {
      await attempt(waiting.shift());
      onProgress(done.length + failed.length);
    }
  }

  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return { done, failed };
}

function isPassing({ code, retry }) {
  return retry === "later" && code !== "connection.lost";
}

/** Resolves after some ms, or when the signal aborts. */
function asleep(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve(undefined);
    });
  });
}
