import assert from "node:assert/strict";
import { once } from "node:events";
import { beforeEach, mock, test } from "node:test";
import { formatterOf, formatting } from "../../static/lib/late-formatting.js";
import { Notices } from "../../static/lib/notices.js";
import { Places } from "../../static/lib/places.js";
import "../../static/lib/sounds.js"; // loaded before it is asked for, which takes no time then
import "../../static/lib/wishes.js";
import { settled } from "./browser-fakes.mjs";

let places, notices, store, kept, shown, faults, opened, away, muted, watched, wishes, heard;

class Desktop {
  static permission = "granted";
  static asked = 0;
  static async requestPermission() {
    Desktop.asked += 1;
    Desktop.permission = "granted";
  }
  constructor(title, options) {
    opened.push({ title, ...options, self: this });
  }
  close() {}
}

beforeEach(() => {
  places = new Places();
  kept = new Map([["notifications", "on"]]);
  [shown, faults, opened, away, muted, watched] = [[], [], [], true, false, false];
  wishes = new Map();
  heard = [];
  store = { me: { id: "me" }, room: (id) => ({ id, kind: id === "d" ? "direct" : "public", prefers: { muted, watched } }) };
  Desktop.permission = "granted";
  Desktop.asked = 0;
  const storage = { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value) };
  const account = { get: (key) => wishes.get(key), under: () => wishes };
  const sounds = { tell: async (about, { isSeen }) => heard.push([about, isSeen]), try: async () => true };
  notices = new Notices({ places, store, storage, account, Desktop, isAway: () => away, isSeen: (room) => room === "seen", makeSounds: async () => sounds });
  notices.addEventListener("notice", ({ detail }) => shown.push(detail.notice.title));
  notices.addEventListener("fault", ({ detail }) => faults.push(detail.item.key));
  mock.method(console, "error", () => {});
});

const message = (more = {}) => ({ id: "m", author: { id: "ben", name: "Ben" }, body: "Hello", mentions: [], ...more });
const titles = () => opened.map(({ title }) => title);

test("messages in direct rooms and mentions go to the desktop of somebody who is away", async () => {
  await notices.message({ room: "d", message: message() });
  await notices.message({ room: "r", message: message() });
  await notices.message({ room: "r", message: message({ mentions: ["me"], body: "@me" }) });
  assert.deepEqual(opened.map(({ title, body, tag }) => [title, body, tag]), [["Ben", "Hello", "d"], ["Ben", "@me", "r"]]);
  away = false;
  await notices.message({ room: "d", message: message() });
  assert.equal(opened.length, 2);
  assert.deepEqual(shown, []); // the room's badge tells of it
});

test("a window that is seen but has not the focus is one that nobody looks at", async (context) => {
  context.after(() => delete globalThis.document);
  const account = { get: () => undefined, under: () => new Map() };
  const fresh = new Notices({ places, store, storage: { getItem: () => "on" }, account, Desktop, makeSounds: async () => ({ tell: async () => {} }) });
  for (const [hidden, hasFocus] of [[false, true], [false, false], [true, false]]) {
    globalThis.document = { hidden, hasFocus: () => hasFocus };
    await fresh.message({ room: "d", message: message({ body: `hidden ${hidden}, focus ${hasFocus}` }) });
  }
  await settled();
  assert.deepEqual(opened.map(({ body }) => body), ["hidden false, focus false", "hidden true, focus false"]);
});

test("a notice has the text without its marks", async (context) => {
  const sheet = { set onload(done) { done(); } };
  globalThis.document = { createElement: () => sheet, querySelectorAll: () => [] };
  context.after(() => delete globalThis.document);
  formatterOf("**any**");
  await once(formatting, "loaded");
  await notices.message({ room: "d", message: message({ body: "**Lunch** is ||pizza||" }) });
  assert.equal(opened[0].body, "Lunch is ▒▒▒");
});

test("of a muted room nothing is told but mentions", async () => {
  muted = true;
  await notices.message({ room: "d", message: message() });
  await notices.message({ room: "d", message: message({ mentions: ["me"], body: "@me" }) });
  await notices.message({ room: "r", message: message({ mentions: ["me"], body: "@me too" }) });
  assert.deepEqual(opened.map(({ body }) => body), ["@me", "@me too"]);
});

test("a click on it leads to the room", async () => {
  let room;
  notices.addEventListener("chosen", ({ detail }) => (room = detail.room));
  await notices.message({ room: "d", message: message() });
  opened[0].self.onclick();
  assert.equal(room, "d");
});

test("permission is asked for only when the person switches it on", async () => {
  Desktop.permission = "default";
  kept.clear();
  await notices.message({ room: "d", message: message() });
  assert.deepEqual([Desktop.asked, opened.length, notices.desktop], [0, 0, "off"]);
  await notices.switchDesktop(true);
  assert.deepEqual([Desktop.asked, notices.desktop], [1, "on"]);
  await notices.switchDesktop(false);
  assert.equal(notices.desktop, "off");
  await notices.switchDesktop(true);
  assert.equal(Desktop.asked, 1); // it is granted already
  Desktop.permission = "denied";
  assert.equal(notices.desktop, "denied");
});

test("notifications of plugins are shown in the page, or on the desktop of somebody who is away", async () => {
  await notices.notify("polls", { title: "Away" });
  away = false;
  await notices.notify("polls", { title: "Here" });
  assert.deepEqual([titles(), shown], [["Away"], ["Here"]]);
  await assert.rejects(notices.notify("polls", {}), /title has to be a string/);
});

test("a notification that is chosen on the desktop leads to its room, and to its message", async () => {
  const chosen = [];
  notices.addEventListener("chosen", ({ detail }) => chosen.push(detail));
  await notices.notify("tasks", { title: "Due", room: "r", seq: 7 });
  await notices.notify("tasks", { title: "Due", room: "r" });
  await notices.notify("tasks", { title: "Due" });
  for (const { self } of opened) self.onclick();
  assert.deepEqual(chosen, [{ room: "r", seq: 7 }, { room: "r", seq: null }]);
});

test("a filter changes notifications or holds them back, one after the other", async () => {
  places.put("a", "notifications/v1", { id: "x", filter: ({ title }) => ({ title: `${title}!` }) });
  places.put("b", "notifications/v1", { id: "x", filter: async ({ title, plugin }) => (plugin === "quiet" ? false : { body: `b of ${title}` }) });
  places.put("c", "notifications/v1", { id: "x", filter: () => undefined });
  await notices.notify("quiet", { title: "no" });
  await notices.notify("polls", { title: "t".repeat(500) });
  assert.equal(opened.length, 1);
  assert.equal(opened[0].title.length, 120);
  assert.match(opened[0].body, /^b of t+/);
});

test("a filter that fails is named, and not asked until somebody tries again", async () => {
  let asked = 0;
  places.put("a", "notifications/v1", { id: "x", filter() { asked += 1; throw new Error("broken"); } });
  await notices.notify("polls", { title: "1" });
  await notices.notify("polls", { title: "2" });
  assert.deepEqual([titles(), faults, asked], [["1", "2"], ["a.x"], 1]);
  notices.again(places.in("notifications/v1")[0]);
  await notices.notify("polls", { title: "3" });
  assert.deepEqual([titles(), faults, asked], [["1", "2", "3"], ["a.x", "a.x"], 2]);
});

test("a filter that failed and comes back with its plugin is asked again", async () => {
  const item = (filter) => places.put("a", "notifications/v1", { id: "x", filter });
  item(() => { throw new Error("broken"); });
  await notices.notify("polls", { title: "1" });
  places.clear("a");
  item(() => ({ title: "mended" }));
  await notices.notify("polls", { title: "2" });
  assert.deepEqual([titles(), faults], [["1", "mended"], ["a.x"]]);
});

test("a filter that hangs delays nothing for ever", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  places.put("a", "notifications/v1", { id: "x", filter: () => new Promise(() => {}) });
  const told = notices.notify("polls", { title: "1" });
  mock.timers.tick(2_000);
  await told;
  mock.timers.reset();
  assert.deepEqual([titles(), faults], [["1"], ["a.x"]]);
});

test("every message of a watched room is told, unless it is muted", async () => {
  watched = true;
  await notices.message({ room: "r", message: message() });
  assert.deepEqual(titles(), ["Ben"]);
  muted = true;
  await notices.message({ room: "r", message: message() });
  assert.deepEqual(titles(), ["Ben"]);
});

test("messages with a word of the reader's are told, unless their room is muted", async () => {
  wishes.set("notify.words", "cake\ntea");
  await notices.message({ room: "r", message: message({ body: "Cupcakes" }) });
  await notices.message({ room: "r", message: message({ body: "More CAKE!" }) });
  assert.deepEqual(opened.map(({ body }) => body), ["More CAKE!"]);
  muted = true;
  await notices.message({ room: "r", message: message({ body: "cake" }) });
  assert.equal(opened.length, 1);
});

test("in a break nothing comes to the desktop, and notices of plugins stay in the page", async () => {
  wishes.set("notify.until", new Date(Date.now() + 60_000).toISOString());
  await notices.message({ room: "d", message: message() });
  await notices.notify("tasks", { title: "Due" });
  assert.deepEqual([titles(), shown], [[], ["Due"]]);
  wishes.set("notify.until", new Date(Date.now() - 60_000).toISOString());
  await notices.message({ room: "d", message: message() });
  assert.deepEqual(titles(), ["Ben"]);
});

test("a device sounds of what it was told to, and of no more than is told of", async () => {
  const tell = async () => {
    heard = [];
    await notices.message({ room: "d", message: message({ id: "direct" }) });
    await notices.message({ room: "r", message: message({ id: "untold" }) });
    await notices.message({ room: "seen", message: message({ id: "mention", mentions: ["me"] }) });
    await notices.notify("polls", { title: "Vote" });
    await settled();
    return heard;
  };
  assert.deepEqual([notices.sound, await tell()], ["off", []]);
  notices.switchSound("direct");
  assert.deepEqual([notices.sound, await tell()], ["direct", [["direct", false], ["mention", true]]]);
  away = false; // in the page, too
  notices.switchSound("all");
  assert.deepEqual(await tell(), [["direct", false], ["mention", true], ["polls Vote", false]]);
  assert.equal(await notices.trySound(), true);
});

test("nothing sounds while the reader does not want to be disturbed, or a filter holds the notice back", async () => {
  notices.switchSound("all");
  wishes.set("notify.until", new Date(Date.now() + 60_000).toISOString());
  await notices.message({ room: "d", message: message() });
  await settled();
  wishes.clear();
  places.put("a", "notifications/v1", { id: "x", filter: () => false });
  await notices.message({ room: "d", message: message() });
  await settled();
  assert.deepEqual(heard, []);
});

test("sounds that cannot be loaded are loaded with the next notice", async () => {
  mock.method(console, "debug", () => {});
  let asked = 0;
  const storage = { getItem: () => "all" };
  const makeSounds = async () => {
    asked += 1;
    if (asked === 1) throw new TypeError("no network");
    return { tell: async (about) => heard.push(about) };
  };
  const late = new Notices({ places, store, storage, Desktop: null, isAway: () => false, isSeen: () => false, makeSounds });
  for (const id of ["first", "second", "third"]) {
    await late.message({ room: "d", message: message({ id }) });
    await settled();
  }
  assert.deepEqual([heard, asked], [["second", "third"], 2]);
});

test("what a plugin did is shown in the page, bounded, wherever one is", () => {
  const done = [];
  notices.addEventListener("done", ({ detail }) => done.push(detail));
  away = true;
  notices.tellDone("saved", "x".repeat(300));
  assert.deepEqual(done, [{ plugin: "saved", text: "x".repeat(200) }]);
  assert.throws(() => notices.tellDone("saved", ""), /tellDone: the text/);
  assert.deepEqual([shown, opened], [[], []]);
});
