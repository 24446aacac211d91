import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { isHeard, Sounds } from "../../static/lib/sounds.js";
import { settled } from "./browser-fakes.mjs";

const message = (more = {}) => ({ id: "m", author: { id: "ben" }, mentions: [], ...more });
const room = (kind = "public", muted = false) => ({ kind, prefers: { muted } });
const heard = (wish, about) => isHeard(wish, { me: "me", message: message(), room: room(), ...about });

test("nothing is heard where it is off, or the device says something else", () => {
  for (const wish of ["off", "", null, "loud"]) assert.equal(heard(wish, { room: room("direct") }), false);
});

test("direct messages and mentions are heard, other notices only with all", () => {
  const told = [{ room: room("direct") }, { message: message({ mentions: ["me"] }) }, { message: message({ mentions: ["@room"] }) }];
  for (const about of told) assert.deepEqual([heard("direct", about), heard("all", about)], [true, true]);
  const others = [{}, { message: message({ mentions: ["anna"] }) }, { message: null, room: undefined }, { message: null, room: room("direct") }];
  for (const about of others) assert.deepEqual([heard("direct", about), heard("all", about)], [false, true]);
});

test("of a muted room nothing is heard, not even a mention, and nothing of what one wrote oneself", () => {
  const none = [{ room: room("public", true), message: message({ mentions: ["me"] }) }, { room: room("direct", true) }, { room: room("direct"), message: message({ author: { id: "me" } }) }];
  for (const about of none) assert.deepEqual([heard("direct", about), heard("all", about)], [false, false]);
});

class FakeContext {
  state = "suspended";
  currentTime = 5;
  destination = {};
  started = [];
  #starts;

  constructor(starts = true) {
    this.#starts = starts;
  }

  resume() {
    if (!this.#starts) return new Promise(() => {}); // as Chrome before anything was pressed
    this.state = "running";
    return Promise.resolve();
  }

  async suspend() {
    this.state = "suspended";
  }

  createGain() {
    const gain = { setValueAtTime() {}, linearRampToValueAtTime: (value) => (this.loudest = value), exponentialRampToValueAtTime() {} };
    return { gain, connect: (node) => node };
  }

  createOscillator() {
    const oscillator = { frequency: {}, connect: (node) => node, start: (at) => this.started.push(at), stop() {} };
    this.last = oscillator;
    return oscillator;
  }
}

/** Locks of the browser, for all tabs. */
class FakeLocks {
  #held = new Set();

  async request(name, options, callback) {
    assert.deepEqual(options, { ifAvailable: true });
    if (this.#held.has(name)) return callback(null);
    this.#held.add(name);
    try {
      return await callback({ name });
    } finally {
      this.#held.delete(name);
    }
  }
}

function tab({ locks = null, context = new FakeContext(), mayStart = true } = {}) {
  return { context, sounds: new Sounds({ makeContext: () => context, locks, mayStart: () => mayStart }) };
}

/** What `tell` came to in each tab, once all waits are over. */
async function told(...tells) {
  const outcomes = Promise.all(tells.map((tell) => tell()));
  await settled();
  mock.timers.tick(300);
  await settled();
  return outcomes;
}

test.beforeEach(() => mock.timers.enable({ apis: ["setTimeout"] }));
test.afterEach(() => mock.timers.reset());

for (const [name, make] of [["with locks", () => new FakeLocks()], ["without locks", () => null]]) {
  test(`a sound is two quiet tones, and at most one in two seconds, ${name}`, async () => {
    const { context, sounds } = tab({ locks: make() });
    const both = await told(() => sounds.tell("m1"), () => sounds.tell("m2"));
    assert.deepEqual(both.sort(), [false, true]);
    assert.equal(context.started.length, 2);
    assert.ok(context.loudest <= 0.1);
    mock.timers.tick(1_600);
    assert.deepEqual(await told(() => sounds.tell("m3")), [false]);
    mock.timers.tick(2_000);
    await settled();
    assert.deepEqual(await told(() => sounds.tell("m4")), [true]);
    assert.equal(context.started.length, 4);
  });
}

test("of several tabs one sounds, and none where one shows the room", async () => {
  const locks = new FakeLocks();
  const [one, two] = [tab({ locks }), tab({ locks })];
  const both = await told(() => one.sounds.tell("m1"), () => two.sounds.tell("m1"));
  assert.deepEqual(both.sort(), [false, true]);
  mock.timers.tick(5_000);
  await settled();
  const late = tab({ locks });
  assert.deepEqual(await told(() => late.sounds.tell("m1")), [false]); // one that was busy meanwhile
  const seen = await told(() => one.sounds.tell("m2"), () => settled(5).then(() => two.sounds.tell("m2", { isSeen: true })));
  assert.deepEqual(seen, [false, false]);
  assert.deepEqual(await told(() => one.sounds.tell("m3")), [true]); // what was seen holds back nothing else
});

test("a tab in which nothing was pressed asks for no sound, and leaves it to another", async () => {
  const locks = new FakeLocks();
  const [one, two] = [tab({ locks, mayStart: false }), tab({ locks })];
  assert.deepEqual(await told(() => one.sounds.tell("m"), () => two.sounds.tell("m")), [false, true]);
  assert.deepEqual(one.context.started, []);
});

test("a browser that does not let it sound is not waited for, and no sound comes late", async () => {
  const context = new FakeContext(false);
  const { sounds } = tab({ context });
  assert.deepEqual(await told(() => sounds.tell("m")), [false]);
  assert.deepEqual(context.started, []);
});

test("a browser without Web Audio makes no sound", async () => {
  mock.method(console, "debug", () => {});
  const sounds = new Sounds({ makeContext: () => { throw new ReferenceError("AudioContext"); }, mayStart: () => true });
  assert.deepEqual(await told(() => sounds.tell("m"), () => sounds.try()), [false, false]);
});

test("trying it sounds whatever sounded before; the context is made once, and rests when the tones have ended", async () => {
  let made = 0;
  const context = new FakeContext();
  const sounds = new Sounds({ makeContext: () => ((made += 1), context), locks: null, mayStart: () => true });
  assert.deepEqual(await told(() => sounds.tell("m")), [true]);
  assert.equal(await sounds.try(), true);
  assert.equal(context.started.length, 4);
  assert.equal(made, 1);
  context.last.onended();
  assert.equal(context.state, "suspended");
  assert.equal(await sounds.try(), true);
});
