import assert from "node:assert/strict";
import { test } from "node:test";
import { SharedConnection } from "../../static/lib/shared-connection.js";
import { RequestError } from "../../static/lib/socket.js";
import { Tabs } from "../../static/lib/tabs.js";
import { FakeBrowser, settled } from "./browser-fakes.mjs";

class FakeConnection extends EventTarget {
  status = "idle";
  starts = 0;
  asked = [];
  answer = async () => ({});

  start() {
    this.starts += 1;
  }
  stop() {
    this.status = "idle";
  }
  wake() {
    this.asked.push("wake");
  }
  request(op, fields) {
    this.asked.push({ op, ...fields });
    return this.answer(op, fields);
  }
  notify(op, fields) {
    this.asked.push({ notify: op, ...fields });
  }
  says(type, detail) {
    if (type === "status") this.status = detail.status;
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
  opens() {
    this.says("status", { status: "open", code: null });
    this.says("hello", { epoch: "e1" });
  }
}

function tab(browser) {
  const own = new FakeConnection();
  let channel;
  const tabs = new Tabs({ locks: browser.locks, makeChannel: (name) => (channel = browser.channel(name)) });
  const shared = new SharedConnection({ connection: own, tabs });
  const heard = [];
  for (const type of ["status", "hello", "event", "system"]) shared.addEventListener(type, ({ detail }) => heard.push([type, detail.status ?? detail.epoch ?? detail.seq ?? detail.sys]));
  tabs.join("me");
  shared.start();
  return { own, tabs, shared, heard, channel };
}

async function three() {
  const browser = new FakeBrowser();
  const all = [tab(browser), tab(browser)];
  await settled();
  all[0].own.opens();
  await settled();
  all.push(tab(browser));
  await settled();
  return { browser, all };
}

const ended = (all) => all.forEach(({ shared, tabs }) => (shared.stop(), tabs.leave()));

test("one tab connects, and all hear the same in the same order, also one that comes later", async () => {
  const { all } = await three();
  const [one, two, three_] = all;
  assert.deepEqual(all.map(({ own }) => own.starts), [1, 0, 0]);
  assert.deepEqual(all.map(({ shared }) => shared.status), ["open", "open", "open"]);
  one.own.says("event", { ev: "message.posted", room: "r", seq: 7 });
  one.own.says("system", { sys: "drain" });
  await settled();
  for (const { heard } of [one, two, three_]) assert.deepEqual(heard.slice(-3), [["hello", "e1"], ["event", 7], ["system", "drain"]]);
  assert.equal(two.heard.filter(([type]) => type === "hello").length, 1);
  ended(all);
});

test("a question goes through the leading tab, and its answer or refusal comes back to who asked", async () => {
  const { all } = await three();
  const [one, two, third] = all;
  one.own.answer = async (op) => {
    if (op === "join") throw new RequestError({ code: "limit.rate", message: "Slow.", retry: "later", after_ms: 700, detail: { most: 5 } });
    return { op };
  };
  const answers = await Promise.all([two, third].map(({ shared }, at) => shared.request(at ? "rooms" : "members")));
  assert.deepEqual(answers, [{ op: "members" }, { op: "rooms" }]);
  await assert.rejects(two.shared.request("join"), { code: "limit.rate", retry: "later", afterMs: 700, detail: { most: 5 } });
  two.shared.notify("typing", { room: "r" });
  await settled();
  assert.deepEqual(one.own.asked.at(-1), { notify: "typing", room: "r" });
  ended(all);
});

test("an answer comes before the events that follow it", async () => {
  const { all } = await three();
  const [one, two] = all;
  one.own.answer = async () => ({ rooms: {} });
  const order = [];
  two.shared.addEventListener("event", ({ detail }) => order.push(detail.seq));
  const asked = two.shared.request("sub", { rooms: { r: 3 } }).then(() => order.push("answer"));
  while (!one.own.asked.length) await settled(1);
  await null;
  one.own.says("event", { ev: "message.posted", room: "r", seq: 4 });
  await asked;
  await settled();
  assert.deepEqual(order, ["answer", 4]);
  ended(all);
});

test("a tab that is ahead makes the others miss nothing", async () => {
  const { all } = await three();
  const [one, two] = all;
  await one.shared.request("sub", { rooms: { r: 10, other: 3 } });
  one.own.says("event", { ev: "message.posted", room: "r", seq: 11 });
  one.own.says("event", { ev: "read", room: "r", seq: 15 });
  await two.shared.request("sub", { rooms: { r: 15, other: 2, fresh: 8 } });
  assert.deepEqual(one.own.asked.at(-1).rooms, { r: 11, other: 2, fresh: 8 });
  one.own.opens(); // on another connection all begin anew
  await two.shared.request("sub", { rooms: { r: 15 } }).catch(() => {});
  assert.deepEqual(one.own.asked.at(-1).rooms, { r: 15 });
  ended(all);
});

test("who is watched by any tab is watched", async () => {
  const { all } = await three();
  const [one, two] = all;
  await one.shared.request("presence", { room: "r", users: ["a", "b"] });
  await two.shared.request("presence", { room: "r", users: ["b", "c"] });
  assert.deepEqual(one.own.asked.at(-1).users.sort(), ["a", "b", "c"]);
  await one.shared.request("presence", { room: "r", users: [] });
  assert.deepEqual(one.own.asked.at(-1).users.sort(), ["b", "c"]);
  ended(all);
});

test("when the leading tab is closed the next one connects, and what was asked is lost at once", async () => {
  const { all } = await three();
  const [one, two, third] = all;
  one.own.answer = () => new Promise(() => {});
  const asked = two.shared.request("rooms");
  await settled();
  one.shared.stop();
  one.tabs.leave();
  await assert.rejects(asked, { code: "connection.lost" });
  assert.deepEqual([two.own.starts, two.shared.status], [1, "connecting"]);
  two.own.opens();
  await settled();
  assert.equal(third.shared.status, "open");
  assert.deepEqual(third.heard.at(-1), ["hello", "e1"]);
  third.shared.wake();
  await settled();
  assert.ok(two.own.asked.includes("wake"));
  ended(all);
});

test("a leading tab that does not answer is replaced, and follows when it wakes up", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  const { all } = await three();
  const [one, two, third] = all;
  one.channel.isFrozen = true;
  const asked = two.shared.request("rooms");
  const outcome = assert.rejects(asked, { code: "connection.lost" });
  for (let second = 0; second < 10; second += 1) {
    await settled();
    context.mock.timers.tick(1_000);
  }
  await settled();
  await outcome;
  assert.deepEqual([one, two, third].map(({ tabs }) => tabs.isLeader), [false, true, false]);
  assert.equal(two.own.starts, 1);
  two.own.opens();
  await settled();
  assert.equal(third.shared.status, "open");
  one.channel.thaw();
  await settled();
  assert.equal(one.shared.status, "open");
  ended(all);
});

test("a leading tab that answers stays", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  const { all } = await three();
  const [one, two] = all;
  for (let second = 0; second < 40; second += 1) {
    await settled();
    context.mock.timers.tick(1_000);
  }
  assert.deepEqual([one.tabs.isLeader, two.tabs.isLeader], [true, false]);
  ended(all);
});

test("what is preferred in one tab is preferred in all", async () => {
  const { all } = await three();
  const [one, two] = all;
  const told = [];
  for (const { shared } of all) shared.addEventListener("event", ({ detail }) => told.push(detail));
  one.own.answer = async () => ({ section: "Work" }); // as the server has cleaned it
  await two.shared.request("prefer", { room: "r", section: " Work " });
  await settled();
  assert.deepEqual(told, Array(3).fill({ ev: "preferences", room: "r", preferences: { section: "Work" } }));
  ended(all);
});

test("what is preferred of the page in one tab is told to all", async () => {
  const { all } = await three();
  const [one, two] = all;
  const told = [];
  for (const { shared } of all) shared.addEventListener("event", ({ detail }) => told.push(detail));
  one.own.answer = async () => ({});
  await two.shared.request("prefer_account", { values: { "page.theme": "dark" } });
  await settled();
  assert.deepEqual(told, Array(3).fill({ ev: "account.preferences", values: { "page.theme": "dark" } }));
  ended(all);
});

test("who is blocked in one tab is blocked in all, unless it is refused", async () => {
  const { all } = await three();
  const [one, two, third] = all;
  const told = [];
  for (const { shared } of all) shared.addEventListener("event", ({ detail }) => told.push(detail));
  one.own.answer = async () => ({});
  await two.shared.request("block", { user: "bob" });
  await settled();
  assert.deepEqual(told.splice(0), Array(3).fill({ ev: "blocked", user: "bob", blocked: true }));
  await one.shared.request("unblock", { user: "bob" });
  await settled();
  assert.deepEqual(told.splice(0), Array(3).fill({ ev: "blocked", user: "bob", blocked: false }));
  one.own.answer = () => Promise.reject(new RequestError({ code: "user.forbidden", message: "" }));
  await assert.rejects(third.shared.request("block", { user: "eve" }));
  await settled();
  assert.deepEqual(told, []);
  ended(all);
});

test("what is read in one tab is read in all", async () => {
  const { all } = await three();
  const [one, two, third] = all;
  const told = [];
  for (const { shared } of all) shared.addEventListener("event", ({ detail }) => told.push(detail));
  await two.shared.request("read", { room: "r", seq: 5 });
  await settled();
  assert.deepEqual(told, Array(3).fill({ ev: "read", room: "r", seq: 5 }));
  one.own.answer = () => Promise.reject(new RequestError({ code: "room.not_found", message: "" }));
  await assert.rejects(third.shared.request("read", { room: "r", seq: 6 }));
  await settled();
  assert.equal(told.length, 3);
  ended(all);
});
