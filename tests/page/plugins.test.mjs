import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { beforeEach, mock, test } from "node:test";
import { Database } from "../../static/lib/database.js";
import { Drafts } from "../../static/lib/drafts.js";
import { chooseLanguage, startLanguage } from "../../static/lib/i18n.js";
import { PLACES, Places } from "../../static/lib/places.js";
import { frozen, Plugins } from "../../static/lib/plugins.js";
import { Records } from "../../static/lib/records.js";
import { FakeIndexedDB } from "./browser-fakes.mjs";

const item = { id: "save", label: "Save", icon: "M1 1", run() {} };

let places, asked, store, plugins, complaints;
beforeEach(() => {
  places = new Places();
  asked = [];
  store = { me: { id: "me", name: "Aya" }, room: (id) => (id === "r" ? { id, name: "Room", kind: "public", messages: [1], secret: 1 } : undefined) };
  const connection = { request: async (...all) => asked.push(all) };
  const api = { call: async (...all) => asked.push(all) };
  plugins = new Plugins({ places, api, connection, store, styles: { append() {} } });
  complaints = mock.method(console, "error", () => {});
});

const part = (plugin, ...modules) => ({ plugin, modules, styles: [] });
const putting = (name = "save") => ({ default: (page) => void page.place("message.actions/v1", { ...item, id: name }) });

test("each part is loaded by itself: a broken one is named and leaves nothing behind", async () => {
  const modules = {
    "/good.js": putting(),
    "/half.js": { default: (page) => { page.place("message.actions/v1", item); throw new Error("broken"); } },
    "/late.js": { default: async (page) => { page.place("message.actions/v1", item); await null; throw new Error("late"); } },
    "/none.js": {},
  };
  const importing = async (url) => modules[url] ?? Promise.reject(new Error(`no ${url}`));
  await plugins.load(
    [part("gone", "/gone.js"), part("half", "/half.js"), part("late", "/late.js"), part("none", "/none.js"), part("good", "/good.js")],
    importing,
  );
  assert.deepEqual(places.in("message.actions/v1").map(({ key }) => key), ["good.save"]);
  const named = complaints.mock.calls.map(({ arguments: [text] }) => text).sort();
  assert.deepEqual(named, ["plugin gone:", "plugin half:", "plugin late:", "plugin none:"]);
});

test("a plugin finds people as the page does, and nobody while nothing finds them", async () => {
  const page = plugins.interfaceOf("polls");
  assert.deepEqual(await page.findPeople("zo"), []);
  const wanted = [];
  places.put("directory", "people.find/v1", { id: "people", find: async (given) => (wanted.push(given), { people: [{ id: "z", username: "zoe", name: "Zoë" }], after: "more" }) });
  const found = await page.findPeople("zo");
  assert.deepEqual([found, wanted], [[{ id: "z", username: "zoe", name: "Zoë" }], [{ text: "zo", after: "" }]]);
  assert.ok(Object.isFrozen(found));
});

test("a plugin calls its own operations alone, and any address", async () => {
  const page = plugins.interfaceOf("polls");
  await page.call("vote", { choice: 1 });
  await page.request("POST", "/polls", { a: 1 });
  assert.deepEqual(asked, [["polls.vote", { choice: 1 }], ["POST", "/polls", { a: 1 }]]);
});

test("a plugin reads what is written, is told of changes here, and puts what was written elsewhere", async () => {
  const drafts = new Drafts({ records: new Records({ database: new Database({ factory: new FakeIndexedDB() }) }) });
  await drafts.open("me");
  const session = Object.assign(new EventTarget(), { drafts });
  plugins = new Plugins({ places, api: {}, connection: {}, session, store, styles: { append() {} } });
  const page = plugins.interfaceOf("drafts");
  const told = [];
  const end = page.onDraft((draft) => void told.push(draft));
  await drafts.change("r", { text: "half", reply: { id: "r-1", author: "ben", name: "Ben", body: "?" } });
  await drafts.change("r-7", { text: "thread" });
  const [room, thread] = [{ room: "r", thread: null, text: "half", reply_to: "r-1" }, { room: "r", thread: "r-7", text: "thread", reply_to: null }];
  assert.deepEqual(told, [{ ...room, left: false }, { ...thread, left: false }]);
  assert.deepEqual(await page.drafts(), [room, thread]);
  assert.deepEqual([page.draft({ room: "r" }), page.draft({ room: "r", thread: "r-7" })], [room, thread]);
  assert.throws(() => { page.draft({ room: "r" }).text = "x"; }, TypeError);
  drafts.left("r");
  assert.deepEqual(told.pop(), { ...room, left: true });
  await page.putDraft({ room: "r", text: "whole" });
  assert.equal(drafts.of("r").reply.id, "r-1");
  await page.putDraft({ room: "r", thread: "r-7", text: "elsewhere", reply: { id: "r-8", author: { id: "ben", name: "Ben" }, body: "!", more: 1 } });
  assert.deepEqual(drafts.of("r-7").reply, { id: "r-8", author: "ben", name: "Ben", body: "!" });
  await page.putDraft({ room: "r", text: "", reply: null });
  assert.equal(drafts.has("r"), false);
  assert.equal(told.length, 2); // what it puts there itself it knows
  end();
  await drafts.change("r", { text: "after" });
  assert.equal(told.length, 2);
});

test("a plugin is told of a sign-out, not of a session that has ended otherwise", () => {
  const session = new EventTarget();
  plugins = new Plugins({ places, api: {}, connection: {}, session, store, styles: { append() {} } });
  let told = 0;
  plugins.interfaceOf("drafts").onSignedOut(() => void told++);
  for (const reason of ["expired", "asked"]) session.dispatchEvent(new CustomEvent("signed-out", { detail: { reason } }));
  assert.equal(told, 1);
});

test("texts are in the language of the moment, then in English, then their key", async () => {
  const page = plugins.interfaceOf("polls");
  page.texts({ en: { a: "A {n}", b: "B" } });
  page.texts({ ja: { a: "ア {n}" } });
  await chooseLanguage("ja");
  assert.deepEqual([page.t("a", { n: 1 }), page.t("b"), page.t("c"), page.language()], ["ア 1", "B", "c", "ja"]);
  await startLanguage(["en"], ["en-GB"]);
  assert.deepEqual([page.t("a", {}), page.language(), page.locale()], ["A ", "en", "en-GB"]);
  await startLanguage(["en"], []);
});

test("plugins that come with the server write times and numbers as in the reader's region", () => {
  const folder = new URL("../../plugins/", import.meta.url);
  const modules = readdirSync(folder, { recursive: true }).map(String).filter((name) => /^[a-z_]+\/page\/.*\.js$/.test(name));
  assert.ok(modules.length > 20);
  for (const name of modules) assert.doesNotMatch(readFileSync(new URL(name, folder), "utf8"), /Format\(page\.language/, name);
});

test("what a plugin gets cannot be changed and is no part of the page's state", () => {
  const page = plugins.interfaceOf("polls");
  assert.throws(() => { page.plugin = "other"; }, TypeError);
  assert.deepEqual(page.me(), { id: "me", name: "Aya" });
  assert.throws(() => { page.me().name = "x"; }, TypeError);
  assert.deepEqual(Object.keys(page.room("r")), ["id", "name", "kind", "topic", "role", "joined"]);
  assert.equal(page.room("nowhere"), null);
  const own = { deep: [{ a: 1 }] };
  const copy = frozen(own);
  assert.throws(() => { copy.deep[0].a = 2; }, TypeError);
  own.deep[0].a = 3;
  assert.equal(copy.deep[0].a, 1);
});

test("what a part has put anywhere goes with it, and a changed part begins anew", async () => {
  const links = [];
  const head = { append: (...all) => links.push(...all) };
  globalThis.document ??= { createElement: () => ({ remove() { links.splice(links.indexOf(this), 1); } }) };
  plugins = new Plugins({ places, api: {}, connection: {}, store, styles: head });
  const modules = { "/a.js": putting("a"), "/b1.js": putting("b1"), "/b2.js": putting("b2") };
  const importing = async (url) => modules[url];
  const shown = () => places.in("message.actions/v1").map(({ key }) => key);
  const styled = { ...part("b", "/b1.js"), styles: ["/b.css"] };
  await plugins.load([part("a", "/a.js"), styled], importing);
  const [first] = places.in("message.actions/v1");
  assert.deepEqual(shown(), ["a.a", "b.b1"]);
  await plugins.load([part("a", "/a.js"), part("b", "/b2.js")], importing);
  assert.deepEqual(shown(), ["a.a", "b.b2"]);
  assert.equal(places.in("message.actions/v1")[0], first); // an unchanged part is left alone
  assert.deepEqual(links, []);
  await plugins.load([], importing);
  assert.deepEqual(shown(), []);
  await plugins.load([part("a", "/a.js")], importing); // and it comes back
  assert.deepEqual(shown(), ["a.a"]);
});

test("a plugin that went has left every place, and notifies nobody", async () => {
  const told = [];
  const notices = { notify: async (...all) => told.push(all), tellDone: (...all) => told.push(all) };
  plugins = new Plugins({ places, api: {}, connection: {}, store, styles: { append() {} }, notices });
  let page;
  const all = { id: "all", label: "All", icon: "M1 1", run() {}, mount() {}, take() {}, wants() {}, filter() {}, list() {}, pictures: {}, picture() {}, find() {} };
  const everywhere = { default: (given) => { page = given; for (const place of PLACES) page.place(place, all); } };
  await plugins.load([part("all", "/all.js")], async () => everywhere);
  await page.notify({ title: "Here" });
  page.tellDone("Done");
  assert.deepEqual(PLACES.map((place) => places.in(place).length), PLACES.map(() => 1));
  await plugins.load([]);
  await page.notify({ title: "Gone" });
  page.tellDone("Gone");
  assert.deepEqual(PLACES.flatMap((place) => places.in(place)), []);
  assert.deepEqual(told, [["all", { title: "Here" }], ["all", "Done"]]);
});

test("a part that goes while it is loading puts nothing anywhere", async () => {
  let page, loaded;
  const importing = () => new Promise((resolve) => { loaded = () => resolve(putting()); });
  const loading = plugins.load([part("late", "/late.js")], importing);
  await plugins.load([], importing);
  loaded();
  await loading;
  const slow = { default: (given) => { page = given; } };
  await plugins.load([part("slow", "/slow.js")], async () => slow);
  await plugins.load([], importing);
  page.place("message.actions/v1", item)();
  assert.deepEqual(places.in("message.actions/v1"), []);
});

test("modules for staff are loaded when the reader is known to be staff, and once", async () => {
  const asked = [];
  const importing = async (url) => asked.push(url) && putting(url.slice(1, -3));
  const shown = () => places.in("message.actions/v1").map(({ key }) => key);
  const forStaff = { ...part("a", "/own.js"), staff_modules: ["/staff.js"] };
  await plugins.load([forStaff], importing);
  await plugins.meet({ role: "member" });
  assert.deepEqual(shown(), ["a.own"]);
  await plugins.meet({ role: "admin" });
  await plugins.meet({ role: "owner" });
  assert.deepEqual(shown(), ["a.own", "a.staff"]);
  await plugins.load([forStaff, { ...part("b"), staff_modules: ["/more.js"] }], importing);
  assert.deepEqual(asked, ["/own.js", "/staff.js", "/more.js"]);
  await plugins.load([part("a", "/own.js")], importing);
  assert.deepEqual(shown(), ["a.own"]);
  await plugins.meet({ role: "member" });
  await plugins.load([forStaff], importing);
  assert.deepEqual(shown(), ["a.own"]);
});

test("late modules come at once for whoever opens the page in its settings", async () => {
  const wait = () => new Promise(() => {});
  plugins = new Plugins({ places, api: {}, connection: {}, session: new EventTarget(), store, styles: { append() {} }, wait });
  globalThis.location = { hash: "#settings=notifications" };
  try {
    const came = new Promise((resolve) => void plugins.load([{ ...part("a"), late_modules: ["/late.js"] }], async () => ({ default: resolve })));
    assert.ok(await came);
  } finally {
    delete globalThis.location;
  }
});

test("late modules come after the others, again where there was no network, and not for a part that went", async () => {
  const asked = [];
  const waits = [];
  const wait = (ms) => new Promise((resolve) => waits.push({ ms, resolve }));
  plugins = new Plugins({ places, api: {}, connection: {}, session: new EventTarget(), store, styles: { append() {} }, wait });
  let isAway = true;
  const importing = async (url) => {
    asked.push(url);
    if (isAway && url === "/late.js") throw new TypeError("no network");
    return putting(url.slice(1, -3));
  };
  const shown = () => places.in("message.actions/v1").map(({ key }) => key);
  const ended = async () => {
    waits.shift().resolve();
    await new Promise((resolve) => setTimeout(resolve));
  };
  await plugins.load([{ ...part("a", "/own.js"), late_modules: ["/late.js"] }, { ...part("b"), late_modules: ["/later.js"] }], importing);
  assert.deepEqual([asked, shown(), waits.map(({ ms }) => ms)], [["/own.js"], ["a.own"], [3_000]]);
  await ended();
  assert.deepEqual([asked.sort(), shown(), waits.map(({ ms }) => ms)], [["/late.js", "/later.js", "/later.js", "/own.js"], ["a.own", "b.later"], [60_000]]);
  isAway = false;
  await ended();
  assert.deepEqual(shown(), ["a.own", "a.late", "b.later"]);
  await plugins.load([part("a", "/own.js")], importing);
  assert.deepEqual(shown(), ["a.own"]);
  isAway = true;
  await plugins.load([{ ...part("c"), late_modules: ["/late.js"] }], importing);
  await new Promise((resolve) => setTimeout(resolve));
  await plugins.load([], importing);
  isAway = false;
  asked.length = 0;
  await ended();
  assert.deepEqual([asked, shown()], [[], []]);
});

test("of a part that went meanwhile nothing more is loaded for staff", async () => {
  const asked = [];
  let loaded;
  const importing = (url) => asked.push(url) && new Promise((resolve) => { loaded = () => resolve(putting()); });
  await plugins.meet({ role: "owner" });
  const loading = plugins.load([{ ...part("a", "/own.js"), staff_modules: ["/staff.js"] }], importing);
  await plugins.load([], importing);
  loaded();
  await loading;
  assert.deepEqual(asked, ["/own.js"]);
});

test("a module follows its plugin's own events, and is told where some were lost", async () => {
  const session = new EventTarget();
  const noted = (type, seq, more) => session.dispatchEvent(new CustomEvent("noted", { detail: { event: { ev: "plugin.event", type, room: "r", seq, at: "now", author: { id: "ben" }, ...more } } }));
  plugins = new Plugins({ places, api: {}, connection: {}, session, store, styles: { append() {} } });
  const heard = [];
  let end;
  const following = { default: (page) => {
    page.follow("moved", () => { throw new Error("broken"); });
    page.follow("moved", async () => { await null; throw new Error("late"); });
    end = page.follow("moved", (told) => heard.push(told));
    page.follow("moved", (told) => heard.push(told.seq));
    assert.throws(() => page.follow("moved"), TypeError);
  } };
  await plugins.load([part("game", "/game.js")], async () => following);
  noted("game.moved", 7, { payload: { to: [1] } });
  noted("game.ended", 8);
  noted("other.moved", 9);
  session.dispatchEvent(new CustomEvent("missed", { detail: { room: "r" } }));
  assert.deepEqual(heard, [{ room: "r", missed: false, seq: 7, at: "now", author: { id: "ben" }, payload: { to: [1] } }, 7, { room: "r", missed: true }, undefined]);
  assert.throws(() => heard[0].payload.to.push(2), TypeError);
  await new Promise(setImmediate);
  assert.deepEqual(complaints.mock.calls.map(({ arguments: [text, error] }) => [text, error.message]).slice(0, 4).sort(), [["plugin game:", "broken"], ["plugin game:", "broken"], ["plugin game:", "late"], ["plugin game:", "late"]]);
  end();
  noted("game.moved", 10);
  assert.deepEqual(heard.slice(4), [10]);
  await plugins.load([]);
  noted("game.moved", 11);
  assert.deepEqual(heard.slice(5), []);
});

test("a module hears its plugin's notices, and is told where some may have been missed", async () => {
  const session = new EventTarget();
  const told = (notice) => session.dispatchEvent(new CustomEvent("heard", { detail: { notice: { ev: "plugin.notice", ...notice } } }));
  plugins = new Plugins({ places, api: {}, connection: {}, session, store, styles: { append() {} } });
  const heard = [];
  let end;
  const hearing = { default: (page) => {
    end = page.hear("changed", (said) => heard.push(said));
    page.hear("changed", ({ missed }) => heard.push(missed));
    assert.throws(() => page.hear("changed"), TypeError);
  } };
  await plugins.load([part("game", "/game.js")], async () => hearing);
  told({ plugin: "game", name: "changed", payload: { count: [2] } });
  told({ plugin: "game", name: "other", payload: 1 });
  told({ plugin: "other", name: "changed", payload: 1 });
  session.dispatchEvent(new CustomEvent("ready", { detail: {} }));
  assert.deepEqual(heard, [{ missed: false, payload: { count: [2] } }, false, { missed: true, payload: null }, true]);
  assert.throws(() => heard[0].payload.count.push(3), TypeError);
  end();
  told({ plugin: "game", name: "changed", payload: null });
  assert.deepEqual(heard.slice(4), [false]);
  session.isReady = true; // who begins later is told at once to read what stands
  plugins.interfaceOf("late").hear("changed", ({ missed }) => heard.push(["late", missed]));
  assert.deepEqual(heard.splice(5), [["late", true]]);
  await plugins.load([]);
  told({ plugin: "game", name: "changed", payload: null });
  assert.deepEqual(heard.slice(5), []);
});

test("a module shows a room of the reader, at a message if it says which", () => {
  const wanted = [];
  globalThis.location = { hash: "" };
  store.want = (...all) => wanted.push(all);
  const page = plugins.interfaceOf("tasks");
  page.show("elsewhere", 3);
  assert.deepEqual([location.hash, wanted], ["", []]);
  page.show("r");
  assert.deepEqual([location.hash, wanted], ["#room=r", []]);
  page.show("r", 7);
  assert.deepEqual(wanted, [["r", 7]]);
  delete globalThis.location;
});

test("a plugin has the labels of its pages and actions asked for again", () => {
  const asked = [];
  places.addEventListener("change", ({ detail }) => asked.push(detail.place));
  plugins.interfaceOf("polls").relabel();
  assert.deepEqual(asked, ["settings.page/v1", "admin.page/v1", "message.actions/v1", "thread.actions/v1"]);
});

test("a plugin has its parts of messages asked for again", () => {
  const asked = [];
  places.addEventListener("change", ({ detail }) => asked.push(detail.place));
  plugins.interfaceOf("polls").redrawMessages();
  assert.deepEqual(asked, ["message.parts/v1"]);
});
