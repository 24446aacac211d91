import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { AccountPreferences, COPY } from "../../static/lib/account-preferences.js";
import { RequestError } from "../../static/lib/socket.js";
import { settled } from "./browser-fakes.mjs";

let storage, connection, account;

class FakeConnection extends EventTarget {
  asked = [];

  request(op, { values }) {
    assert.equal(op, "prefer_account");
    return new Promise((resolve, reject) => this.asked.push({ values, resolve, reject }));
  }

  async answer(place, error = null) {
    if (error) this.asked[place].reject(new RequestError({ message: "", ...error }));
    else this.asked[place].resolve({});
    await settled();
  }
}

class FakeStorage {
  items = new Map();
  isFull = false;

  getItem(key) {
    return this.items.get(key) ?? null;
  }

  setItem(key, text) {
    if (this.isFull) throw new DOMException("", "QuotaExceededError");
    this.items.set(key, text);
  }

  removeItem(key) {
    this.items.delete(key);
  }

  get copy() {
    return JSON.parse(this.getItem(COPY));
  }
}

/** A tab of this browser. */
function tab({ on = connection, kept = storage } = {}) {
  const made = new AccountPreferences({ connection: on, storage: kept });
  made.changes = 0;
  made.addEventListener("change", () => (made.changes += 1));
  return made;
}

function load(values, into = account) {
  into.loading()(values);
}

beforeEach(() => {
  mock.timers.enable({ apis: ["setTimeout"] });
  storage = new FakeStorage();
  connection = new FakeConnection();
  account = tab();
  account.start("ada");
});

test.afterEach(() => mock.timers.reset());

test("a change shows at once, is told after a moment with what follows it, and waits no longer then", async () => {
  load({ "page.theme": "light", "page.density": "compact", "other.theme": "pink" });
  account.set({ theme: "dark" });
  account.set({ density: null, language: "ja" });
  assert.deepEqual([account.get("theme"), account.get("density"), account.get("language")], ["dark", undefined, "ja"]);
  mock.timers.tick(499);
  assert.equal(connection.asked.length, 0);
  mock.timers.tick(1);
  assert.deepEqual(connection.asked[0].values, { "page.theme": "dark", "page.density": null, "page.language": "ja" });
  await connection.answer(0);
  assert.deepEqual(storage.copy, { user: "ada", told: { "page.theme": "dark", "page.language": "ja" }, unsent: {} });
  mock.timers.tick(60_000);
  assert.equal(connection.asked.length, 1);
});

test("without a connection a change waits in the browser, for another start too", async () => {
  account.set({ theme: "dark" });
  mock.timers.tick(60_000);
  assert.equal(connection.asked.length, 0); // nothing was loaded: the connection may be somebody else's
  const later = tab();
  assert.equal(later.get("theme"), "dark"); // before it is known who is signed in
  later.start("ada");
  load({ "page.theme": "light", "page.density": "compact" }, later);
  assert.deepEqual([later.get("theme"), later.get("density")], ["dark", "compact"]);
  assert.deepEqual(connection.asked[0].values, { "page.theme": "dark" });
  await connection.answer(0, { code: "connection.lost" });
  assert.equal(later.get("theme"), "dark");
  load({}, later);
  await connection.answer(1);
  assert.deepEqual(storage.copy.told, { "page.theme": "dark" });
});

test("after the connection is lost nothing is sent until all are loaded anew", () => {
  load({});
  connection.dispatchEvent(new CustomEvent("status", { detail: { status: "waiting" } }));
  account.set({ theme: "dark" });
  mock.timers.tick(1_000);
  connection.dispatchEvent(new CustomEvent("status", { detail: { status: "open" } }));
  void account.flush();
  assert.equal(connection.asked.length, 0);
  load({});
  assert.equal(connection.asked.length, 1);
});

test("what another device says counts, but under a change of mine that is on its way", async () => {
  load({});
  account.set({ theme: "dark" });
  void account.flush();
  account.applyEvent({ values: { "page.theme": "light", "page.density": "compact", "their.key": "x" } });
  assert.deepEqual([account.get("theme"), account.get("density")], ["dark", "compact"]);
  await connection.answer(0);
  assert.equal(account.get("theme"), "dark");
  account.applyEvent({ values: { "page.theme": "light", "page.density": null } });
  assert.deepEqual([account.get("theme"), account.get("density")], ["light", undefined]);
  assert.deepEqual(storage.copy.told, { "page.theme": "light" });
});

test("what is changed again while it is sent is sent again", async () => {
  load({});
  account.set({ theme: "dark", density: "compact" });
  void account.flush();
  account.set({ theme: "contrast" });
  await connection.answer(0);
  assert.equal(account.get("theme"), "contrast");
  assert.deepEqual(connection.asked[1].values, { "page.theme": "contrast" });
  await connection.answer(1);
  assert.deepEqual(storage.copy, { user: "ada", told: { "page.density": "compact", "page.theme": "contrast" }, unsent: {} });
});

test("a refused change is taken back, one that has come at a bad time is told again", async () => {
  const errors = [];
  account.addEventListener("refused", ({ detail }) => errors.push(detail.error.code));
  load({ "page.theme": "light" });
  account.set({ theme: "dark" });
  void account.flush();
  await connection.answer(0, { code: "limit.rate", retry: "later", after_ms: 2_000 });
  assert.equal(account.get("theme"), "dark");
  mock.timers.tick(1_999);
  assert.equal(connection.asked.length, 1);
  mock.timers.tick(1);
  await connection.answer(1, { code: "limit.count", retry: "never" });
  assert.deepEqual([account.get("theme"), errors], ["light", ["limit.count"]]);
  assert.deepEqual(storage.copy.unsent, {});
});

test("what is told while all are loading is newer than the answer, and of two answers the last counts", () => {
  const first = account.loading();
  const second = account.loading();
  account.applyEvent({ values: { "page.theme": "dark", "page.density": null } });
  second({ "page.theme": "light", "page.density": "compact", "page.language": "ja" });
  first({ "page.language": "en" });
  assert.deepEqual([account.get("theme"), account.get("density"), account.get("language")], ["dark", undefined, "ja"]);
});

test("the tabs of a browser show the same, and one that is not connected loses nothing of another", async () => {
  const other = tab();
  other.start("ada");
  account.set({ theme: "dark" });
  assert.equal(other.get("theme"), undefined);
  other.reread(); // the browser tells it
  assert.deepEqual([other.get("theme"), other.changes], ["dark", 1]);
  other.set({ density: "compact" });
  account.set({ language: "ja" });
  assert.deepEqual(storage.copy.unsent, { "page.theme": "dark", "page.density": "compact", "page.language": "ja" });
  load({}, other);
  await connection.answer(0);
  load({});
  assert.equal(connection.asked.length, 1); // the first has sent all
});

test("signing out leaves nothing, an end that nobody wanted what was not sent, for the same user alone", () => {
  load({ "page.theme": "light" });
  account.set({ density: "compact" });
  account.end();
  assert.deepEqual(storage.copy, { user: "ada", told: {}, unsent: { "page.density": "compact" } });
  account.start("ada");
  assert.equal(account.get("density"), "compact");
  account.end();
  account.start("bob");
  assert.deepEqual([account.get("density"), storage.copy], [undefined, { user: "bob", told: {}, unsent: {} }]);
  account.set({ theme: "dark" });
  account.end({ isAsked: true });
  assert.deepEqual([storage.items.size, account.get("theme")], [0, undefined]);
  mock.timers.tick(60_000);
  assert.equal(connection.asked.length, 0);
});

test("an answer for somebody who is gone changes nothing", async () => {
  load({});
  account.set({ theme: "dark" });
  void account.flush();
  const late = account.loading();
  account.end({ isAsked: true });
  account.start("bob");
  late({ "page.language": "ja" });
  await connection.answer(0);
  assert.deepEqual([account.get("theme"), account.get("language"), account.isKnown], [undefined, undefined, false]);
});

test("what was chosen before signing in is an offer to an account that has none", async () => {
  let known = 0;
  account.addEventListener("known", () => (known += 1));
  account.offer("language", "ja");
  account.offer("theme", "dark");
  load({ "page.language": "en" });
  assert.deepEqual([account.get("language"), account.get("theme")], ["en", "dark"]);
  assert.deepEqual(connection.asked[0].values, { "page.theme": "dark" });
  assert.deepEqual([known, account.isKnown], [1, true]);
});

test("nothing is told of a change that changes nothing", () => {
  load({ "page.theme": "dark" });
  assert.equal(account.changes, 1);
  load({ "page.theme": "dark" });
  account.set({ theme: "dark" });
  account.applyEvent({ values: { "page.theme": "dark", "other.key": "x" } });
  assert.equal(account.changes, 1);
});

test("the last changed is the last", () => {
  load({ "page.turned.1": "a", "page.turned.2": "b", "page.turned.3": "c" });
  account.set({ "turned.1": "a", "turned.2": null });
  assert.deepEqual([...account.under("turned.")], [["3", "c"], ["1", "a"]]);
});

test("storage that is blocked, full, or was written by something else is no error", async () => {
  const blocked = { getItem: fail, setItem: fail, removeItem: fail };
  for (const kept of [null, blocked]) {
    const here = tab({ kept });
    here.start("ada");
    load({ "page.theme": "light" }, here);
    here.set({ theme: "dark" });
    assert.equal(here.get("theme"), "dark");
    here.end({ isAsked: true });
  }
  for (const strange of ["{", "{}", "null", "[]", '{"user": 7}', '{"user": "ada", "told": "x", "unsent": {"page.theme": 7}}']) {
    storage.items.set(COPY, strange);
    assert.equal(tab().get("theme"), undefined);
  }
  storage.items.clear();
  account.set({ density: "compact" });
  storage.isFull = true;
  load({});
  await connection.answer(0);
  assert.deepEqual([account.get("density"), connection.asked.length], ["compact", 1]);
});

function fail() {
  throw new DOMException("", "SecurityError");
}
