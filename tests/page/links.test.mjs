import assert from "node:assert/strict";
import { test } from "node:test";
import { linkTo, Linked, linkedMessage } from "../../static/lib/links.js";

const ORIGIN = "https://chat.example:8443";
const fakeTab = (kept = {}) => ({ kept, getItem: (name) => kept[name] ?? null, setItem: (name, value) => (kept[name] = value), removeItem: (name) => delete kept[name] });
const arrived = (path, tab, comesBack = false) => new Linked({ address: ORIGIN + path, origin: ORIGIN, tab, comesBack });

test("an address leads to a message of this server alone", () => {
  assert.equal(linkedMessage(linkTo("06h2dndc-4", ORIGIN), ORIGIN), "06h2dndc-4");
  assert.equal(linkedMessage(`${ORIGIN}/m/room-12?from=mail#top`, ORIGIN), "room-12");
  const others = ["https://chat.example/m/room-12", `${ORIGIN}/m/room`, `${ORIGIN}/m/room-`, `${ORIGIN}/m/-1`, `${ORIGIN}/m/a/room-12`, `${ORIGIN}/x/m/room-12`, `${ORIGIN}/m/room-${"9".repeat(16)}`, "/m/room-12", "", undefined];
  for (const address of others) assert.equal(linkedMessage(address, ORIGIN), null, address);
});

test("the message that the page was opened at outlasts a sign-in elsewhere, and nothing else", () => {
  const tab = fakeTab();
  assert.equal(arrived("/m/room-12", tab).id, "room-12");
  const back = arrived("/#login=flow", tab, true);
  assert.equal(back.id, "room-12");
  back.done();
  assert.deepEqual([back.id, tab.kept], [null, {}]);
  arrived("/m/room-12", tab);
  assert.equal(arrived("/", tab).id, null);
  assert.deepEqual(tab.kept, {});
});

test("a browser that keeps nothing is led there all the same", () => {
  const full = { ...fakeTab(), setItem: () => assert.fail("full") };
  for (const tab of [null, full]) {
    const linked = arrived("/m/room-12", tab);
    assert.equal(linked.id, "room-12");
    linked.done();
    assert.equal(linked.id, null);
  }
});
