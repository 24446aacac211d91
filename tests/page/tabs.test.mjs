import assert from "node:assert/strict";
import { test } from "node:test";
import { Tabs } from "../../static/lib/tabs.js";
import { FakeBrowser, settled } from "./browser-fakes.mjs";

function tab(browser, user = "me") {
  let channel;
  const tabs = new Tabs({ locks: browser.locks, makeChannel: (name) => (channel = browser.channel(name)) });
  const told = [];
  tabs.addEventListener("message", ({ detail }) => told.push(detail));
  tabs.join(user);
  return { tabs, told, channel: () => channel };
}

test("one tab of each user leads, and the next one when it leaves", async () => {
  const browser = new FakeBrowser();
  const [one, two, other] = [tab(browser), tab(browser), tab(browser, "ben")];
  const led = [];
  two.tabs.addEventListener("leader", () => led.push("two"));
  await settled();
  assert.deepEqual([one, two, other].map(({ tabs }) => tabs.isLeader), [true, false, true]);
  one.tabs.leave();
  await settled();
  assert.deepEqual([one.tabs.isLeader, two.tabs.isLeader, led], [false, true, ["two"]]);
});

test("a tab that leaves before its turn never leads", async () => {
  const browser = new FakeBrowser();
  const [one, two, three] = [tab(browser), tab(browser), tab(browser)];
  await settled();
  two.tabs.leave();
  one.tabs.leave();
  await settled();
  assert.deepEqual([two.tabs.isLeader, three.tabs.isLeader], [false, true]);
});

test("the other tabs of the same user are told", async () => {
  const browser = new FakeBrowser();
  const [one, two, other] = [tab(browser), tab(browser), tab(browser, "ben")];
  one.tabs.tell({ outbox: "changed" });
  await settled();
  assert.deepEqual([one.told, two.told, other.told], [[], [{ outbox: "changed" }], []]);
});

test("where the browser refuses locks, or has none, the tab leads", async () => {
  const locks = { request: () => Promise.reject(Object.assign(new Error("no"), { name: "SecurityError" })) };
  for (const given of [locks, null]) {
    const tabs = new Tabs({ locks: given, makeChannel: new FakeBrowser().channel });
    tabs.join("me");
    await settled();
    assert.ok(tabs.isLeader);
  }
});

test("a leading tab that gives no sign of life is replaced by one of the others, and waits for its next turn", async (context) => {
  const browser = new FakeBrowser();
  const all = [tab(browser), tab(browser), tab(browser)];
  await settled();
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const check = async () => {
    for (const { tabs } of all) void tabs.check();
    await settled();
    context.mock.timers.tick(3_000);
    await settled();
  };
  await check();
  assert.deepEqual(all.map(({ tabs }) => tabs.isLeader), [true, false, false]);
  const deposed = new Promise((resolve) => all[0].tabs.addEventListener("deposed", resolve));
  all[0].channel().isFrozen = true;
  await check();
  await deposed;
  all[0].channel().thaw();
  assert.equal(all.filter(({ tabs }) => tabs.isLeader).length, 1);
  assert.equal(all[0].tabs.isLeader, false);
  await check();
  const leader = all.find(({ tabs }) => tabs.isLeader);
  assert.notEqual(leader, all[0]);
  for (const each of all) if (each !== all[0]) each.tabs.leave();
  await settled();
  assert.ok(all[0].tabs.isLeader);
});
