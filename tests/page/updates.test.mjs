import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { Updates } from "../../static/lib/updates.js";

class Worker extends EventTarget {
  told = [];
  state = "installing";

  constructor(build) {
    super();
    this.build = build;
  }

  postMessage(said, [port] = []) {
    if (said === "build") port.postMessage(this.build);
    else this.told.push(said);
  }

  becomes(state) {
    this.state = state;
    this.dispatchEvent(new Event("statechange"));
  }
}

class Container extends EventTarget {
  registration = Object.assign(new EventTarget(), { waiting: null, installing: null, updates: 0, update: async () => (this.registration.updates += 1) });
  controller = null;
  registered = [];

  async register(...given) {
    this.registered.push(given);
    return this.registration;
  }

  finds(worker) {
    this.registration.installing = worker;
    this.registration.dispatchEvent(new Event("updatefound"));
  }

  takenOverBy(worker) {
    worker.becomes("activating");
    this.controller = worker;
    this.dispatchEvent(new Event("controllerchange"));
  }
}

async function started(container, build = "1", before = container?.controller) {
  const seen = { reloads: 0, offers: 0 };
  const updates = new Updates({ container, reload: () => (seen.reloads += 1) });
  updates.addEventListener("available", () => (seen.offers += 1));
  await updates.start(build, before);
  return { updates, seen };
}

const settled = async () => {
  for (let turns = 0; turns < 20; turns += 1) await turn();
};

test("nothing is kept without a container, and of a page for development", async () => {
  await started(undefined);
  const container = new Container();
  await started(container, "");
  assert.deepEqual(container.registered, []);
  await started(container, "1");
  assert.equal(container.registered.length, 1);
});

test("the first version takes over without a word and without a reload", async () => {
  const container = new Container();
  const { seen } = await started(container);
  const first = new Worker("1");
  container.finds(first);
  first.becomes("installed");
  container.takenOverBy(first);
  await settled();
  assert.deepEqual(seen, { reloads: 0, offers: 0 });
  assert.deepEqual(first.told, []);
});

test("a new version is offered, and takes over when it is wanted", async (context) => {
  context.mock.timers.enable({ apis: ["setInterval"] });
  const container = new Container();
  container.controller = new Worker("1");
  const { updates, seen } = await started(container);
  const second = new Worker("2");
  container.finds(second);
  assert.equal(seen.offers, 0);
  second.becomes("installed");
  container.registration.waiting = second;
  await settled();
  assert.deepEqual([seen.offers, updates.available, second.told], [1, true, []]);
  updates.take();
  assert.deepEqual([second.told, seen.reloads], [["take-over"], 0]);
  container.takenOverBy(second);
  await settled();
  assert.equal(seen.reloads, 1);
});

test("a version that is kept from taking over is shown all the same, once", async (context) => {
  context.mock.timers.enable({ apis: ["setInterval", "setTimeout"] });
  const container = new Container();
  container.controller = new Worker("1");
  const { updates, seen } = await started(container);
  const second = new Worker("2");
  second.state = "installed";
  container.registration.waiting = second;
  updates.take();
  context.mock.timers.tick(9_999);
  assert.equal(seen.reloads, 0);
  context.mock.timers.tick(1);
  assert.equal(seen.reloads, 1);

  const other = await started(container);
  other.updates.take();
  container.takenOverBy(second);
  context.mock.timers.tick(20_000);
  assert.equal(other.seen.reloads, 1);
});

test("a version that waits already is offered at the start", async () => {
  const container = new Container();
  container.controller = new Worker("1");
  container.registration.waiting = new Worker("2");
  const { seen } = await started(container);
  await settled();
  assert.equal(seen.offers, 1);
});

test("a window whose reader was not asked goes on, and reloads when its reader wants", async () => {
  const container = new Container();
  container.controller = new Worker("1");
  const { updates, seen } = await started(container);
  container.takenOverBy(new Worker("2"));
  await settled();
  assert.deepEqual(seen, { reloads: 0, offers: 1 });
  updates.take();
  assert.equal(seen.reloads, 1);
});

test("a page that is of the waiting version already, by a reload, has it take over", async (context) => {
  context.mock.timers.enable({ apis: ["setInterval"] });
  const container = new Container();
  container.controller = new Worker("1");
  const waiting = new Worker("2");
  waiting.becomes("installed");
  container.registration.waiting = waiting;
  const { seen } = await started(container, "2");
  await settled();
  assert.deepEqual(waiting.told, ["take-over"]);
  container.takenOverBy(waiting);
  await settled();
  assert.deepEqual(seen, { reloads: 0, offers: 0 });
});

test("storage that is blocked, and a server that is away, leave the page as it is", async (test) => {
  test.mock.method(console, "info", () => {});
  const blocked = new Container();
  blocked.register = () => Promise.reject(new DOMException("blocked", "SecurityError"));
  const { updates } = await started(blocked);
  updates.check();
  const away = new Container();
  away.registration.update = () => Promise.reject(new TypeError("no network"));
  (await started(away)).updates.check();
  await settled();
});

test("a new version is looked for at most once a minute", async () => {
  const container = new Container();
  const { updates } = await started(container);
  for (const now of [1_000_000, 1_059_000, 1_061_000]) updates.check(now);
  assert.equal(container.registration.updates, 2);
});

test("a worker that loses a question is asked again, until it answers or is gone", async (context) => {
  context.mock.timers.enable({ apis: ["setInterval"] });
  const container = new Container();
  container.controller = new Worker("1");
  const { seen } = await started(container);
  let asked = 0;
  const lose = (_said, [port]) => {
    asked += 1;
    port.close();
  };
  const deaf = Object.assign(new Worker("2"), { postMessage: lose });
  container.finds(deaf);
  deaf.becomes("installed");
  await settled();
  assert.deepEqual([asked, seen.offers], [1, 0]);
  context.mock.timers.tick(5000);
  assert.equal(asked, 2);
  delete deaf.postMessage;
  context.mock.timers.tick(5000);
  await settled();
  assert.deepEqual([asked, seen.offers], [2, 1]);
  const gone = Object.assign(new Worker("3"), { postMessage: lose });
  asked = 0;
  container.finds(gone);
  gone.becomes("installed");
  await settled();
  gone.becomes("redundant");
  context.mock.timers.tick(20_000);
  assert.equal(asked, 1);
});

test("a worker that loses what it is told is told again, until it takes over", async (context) => {
  context.mock.timers.enable({ apis: ["setInterval", "setTimeout"] });
  const container = new Container();
  container.controller = new Worker("1");
  const { updates } = await started(container, "2");
  const second = new Worker("2");
  container.finds(second);
  second.becomes("installed"); // the page is of its version already
  await settled();
  context.mock.timers.tick(5000);
  assert.deepEqual(second.told, ["take-over", "take-over"]);
  second.becomes("activating");
  context.mock.timers.tick(20_000);
  assert.equal(second.told.length, 2);
  const third = new Worker("3");
  container.finds(third);
  third.becomes("installed");
  container.registration.waiting = third;
  await settled();
  updates.take();
  context.mock.timers.tick(5000);
  assert.deepEqual(third.told, ["take-over", "take-over"]);
});

test("a browser that refused to keep the page is asked again later", async (test) => {
  test.mock.method(console, "info", () => {});
  const container = new Container();
  const register = container.register.bind(container);
  container.register = () => Promise.reject(new DOMException("timed out", "AbortError"));
  const { updates } = await started(container);
  container.register = register;
  for (const now of [1_000_000, 1_030_000, 1_061_000]) {
    updates.check(now);
    await settled();
  }
  assert.deepEqual([container.registered.length, container.registration.updates], [1, 1]);
});

test("a version that took over before anybody looked is offered", async () => {
  const container = new Container();
  const [first, second] = [new Worker("1"), new Worker("2")];
  container.controller = second;
  const { seen } = await started(container, "1", first);
  await settled();
  assert.deepEqual(seen, { reloads: 0, offers: 1 });
  const fresh = new Container();
  fresh.controller = first; // the first version of all, which has kept the page meanwhile
  const { seen: quiet } = await started(fresh, "1", null);
  await settled();
  assert.deepEqual(quiet, { reloads: 0, offers: 0 });
});
