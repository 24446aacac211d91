import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { AccountPreferences } from "../../static/lib/account-preferences.js";
import { turnedGroups, turnGroup } from "../../static/lib/turned.js";
import { NONE, Preferences } from "../../static/lib/preferences.js";
import { RoomsStore } from "../../static/lib/rooms-store.js";
import { groupOf, groupsOf, sectionOf, sectionsOf } from "../../static/lib/sections.js";
import { countOf, signsOf } from "../../static/lib/unread.js";
import { settled } from "./browser-fakes.mjs";

let store, preferences, asked;

/** Each request waits for `answer(place, value)`; an Error refuses it. */
const connection = {
  request: (op, fields) => new Promise((resolve, reject) => asked.push({ op, fields, resolve, reject })),
};

async function answer(place, value) {
  if (value instanceof Error) asked[place].reject(value);
  else asked[place].resolve(value);
  await settled();
}

beforeEach(() => {
  asked = [];
  store = new RoomsStore();
  store.reset({ id: "me" });
  store.applySnapshot([{ id: "r", name: "R", head: 1 }, { id: "s", name: "S", head: 1 }]);
  preferences = new Preferences({ connection, store, account: new AccountPreferences() });
  preferences.account.start("me");
});

const refused = () => Object.assign(new Error("refused"), { code: "limit.rate" });

test("all pages are asked for, and a room that they leave out has no preferences any more", async () => {
  store.prefer("s", { ...NONE, muted: true }); // as it was kept
  const loading = preferences.load();
  await answer(0, { rooms: { r: { favourite: true } }, more: true, after: "r" });
  await answer(1, { rooms: { "not here": { section: "Later" } } });
  await loading;
  assert.deepEqual(asked.map(({ op, fields }) => [op, fields.after]), [["preferences", ""], ["preferences", "r"]]);
  assert.deepEqual(store.room("r").prefers, { ...NONE, favourite: true });
  assert.deepEqual(store.room("s").prefers, NONE);
  store.applySnapshot([{ id: "not here", name: "N", head: 1 }]); // I am in it later
  assert.equal(store.room("not here").prefers.section, "Later");
});

test("a change shows before its answer, and the answer is what counts", async () => {
  const changing = preferences.change("r", { section: " Work  now " });
  assert.equal(store.room("r").prefers.section, " Work  now ");
  assert.deepEqual(asked[0].fields, { room: "r", section: " Work  now " });
  await answer(0, { section: "Work now" });
  await changing;
  assert.deepEqual(store.room("r").prefers, { ...NONE, section: "Work now" });
});

test("a refused change is put back, and no other", async () => {
  store.prefer("r", { ...NONE, favourite: true }); // as it was kept
  const [first, second] = [preferences.change("r", { muted: true }), preferences.change("r", { unread: true, favourite: false })];
  const isRefused = assert.rejects(first, { code: "limit.rate" });
  await answer(0, refused());
  await isRefused;
  assert.deepEqual(store.room("r").prefers, { ...NONE, unread: true });
  const isLost = assert.rejects(second);
  await answer(1, refused());
  await isLost;
  assert.deepEqual(store.room("r").prefers, { ...NONE, favourite: true });
});

test("what another device changes is shown, under a change of mine that is on its way", async () => {
  const changing = preferences.change("r", { muted: true });
  preferences.applyEvent({ room: "r", preferences: { favourite: true } });
  assert.deepEqual(store.room("r").prefers, { ...NONE, favourite: true, muted: true });
  await answer(0, { favourite: true, muted: true });
  await changing;
  preferences.applyEvent({ room: "r", preferences: {} });
  assert.deepEqual(store.room("r").prefers, NONE);
});

test("what is told while all are loading is newer than the page, and a change on its way stays", async () => {
  const loading = preferences.load();
  preferences.applyEvent({ room: "r", preferences: { favourite: true } });
  void preferences.change("s", { muted: true });
  await answer(0, { rooms: { r: { section: "Old" }, s: { section: "Kept" } } });
  await loading;
  assert.deepEqual(store.room("r").prefers, { ...NONE, favourite: true });
  assert.deepEqual(store.room("s").prefers, { ...NONE, section: "Kept", muted: true });
});

test("of two loads the last counts", async () => {
  const both = [preferences.load(), preferences.load()];
  await answer(1, { rooms: { r: { favourite: true } } });
  await answer(0, { rooms: { r: { muted: true } } });
  await Promise.all(both);
  assert.deepEqual(store.room("r").prefers, { ...NONE, favourite: true });
});

test("the mark goes when the room is opened, also where it is known only later, or there is no network", async () => {
  preferences.opened("r"); // at the start
  const loading = preferences.load();
  await answer(0, { rooms: { r: { unread: true } } });
  await loading;
  assert.deepEqual(asked[1].fields, { room: "r", unread: false });
  await answer(1, refused());
  assert.equal(store.room("r").prefers.unread, true);
  const again = preferences.load();
  await answer(2, { rooms: { r: { unread: true } } });
  await again;
  await answer(3, {});
  assert.equal(store.room("r").prefers.unread, false);
  preferences.applyEvent({ room: "r", preferences: { unread: true } }); // marked while it is open
  const last = preferences.load();
  await answer(4, { rooms: { r: { unread: true } } });
  await last;
  assert.equal(asked.length, 5);
});

test("a mark that is set after the room was opened without a network stays", async () => {
  store.prefer("r", { ...NONE, unread: true });
  preferences.opened("r");
  await answer(0, refused());
  void preferences.change("r", { unread: true });
  await answer(1, { unread: true });
  const loading = preferences.load();
  await answer(2, { rooms: { r: { unread: true } } });
  await loading;
  assert.equal(asked.length, 3);
});

test("nothing of one user is left for the next", async () => {
  const loading = preferences.load();
  await answer(0, { rooms: { r: { favourite: true } } });
  await loading;
  store.reset({ id: "other" });
  preferences.reset();
  store.applySnapshot([{ id: "r", name: "R", head: 1 }]);
  assert.deepEqual(store.room("r").prefers, NONE);
  void preferences.change("r", { muted: true });
  assert.deepEqual(store.room("r").prefers, { ...NONE, muted: true });
});

test("a favourite stands in no section, and a room to join in none of mine", () => {
  const room = (prefers, more) => ({ joined: true, kind: "public", prefers: { ...NONE, ...prefers }, ...more });
  assert.deepEqual(
    [
      room({ favourite: true, section: "Work" }),
      room({ section: "Work" }, { kind: "direct" }),
      room({}),
      room({}, { kind: "direct" }),
      room({ favourite: true }, { joined: false }),
      room({ favourite: true }, { archived: true }),
    ].map(groupOf),
    ["favourites", "section:Work", "mine", "direct", "other", "archived"],
  );
  const rooms = [room({ section: "b" }), room({ section: "a", favourite: true }), room({ section: "b" }), room({ section: "c" }, { joined: false }), room({ section: "section:mine" })];
  const compare = (a, b) => a.localeCompare(b);
  assert.deepEqual(sectionsOf(rooms, compare), ["a", "b", "section:mine"]);
  assert.deepEqual(groupsOf(rooms, compare), ["favourites", "section:a", "section:b", "section:section:mine", "mine", "direct", "other", "archived"]);
  assert.deepEqual(["section:a", "section:section:mine", "mine"].map(sectionOf), ["a", "section:mine", null]);
});

test("a muted room tells of mentions alone, a marked one that it is marked", () => {
  const room = (prefers, more) => ({ kind: "public", unread: 3, mentions: 1, prefers: { ...NONE, ...prefers }, ...more });
  assert.deepEqual(signsOf(room({})), { isBold: true, unread: 3, mentions: 1, isMarked: false });
  assert.deepEqual(signsOf(room({ muted: true, unread: true })), { isBold: false, unread: 0, mentions: 1, isMarked: true });
  assert.deepEqual(signsOf(room({}, { kind: "direct" })).mentions, 0);
  assert.deepEqual(signsOf(room({ muted: true }, { kind: "direct" })).mentions, 1);
  assert.deepEqual(signsOf(room({ unread: true }, { unread: 0, mentions: 0 })), { isBold: true, unread: 0, mentions: 0, isMarked: true });
  assert.deepEqual([room({}), room({ muted: true }), room({ unread: true }, { unread: 0, mentions: 0 })].map(countOf), [3, 1, 1]);
});

test("groups that are collapsed stay so on all devices, the last hundred", () => {
  const { account } = preferences;
  turnGroup(account, "section:a/b", true);
  turnGroup(account, "section:a/b", true);
  turnGroup(account, "favourites", true);
  assert.deepEqual([...turnedGroups(account)], ["section:a/b", "favourites"]);
  assert.ok([...account.under("turned.").keys()].every((id) => /^[0-9a-f]{1,8}$/.test(id)));
  turnGroup(account, "section:a/b", false);
  assert.deepEqual([...turnedGroups(account)], ["favourites"]);
  for (let number = 0; number < 120; number += 1) turnGroup(account, `section:${number}`, true);
  const last = turnedGroups(account);
  assert.deepEqual([last.size, last.has("section:119"), last.has("section:20"), last.has("section:19"), last.has("favourites")], [100, true, true, false, false]);
  turnGroup(account, "section:19", false);
  assert.equal(turnedGroups(account).size, 100);
});

test("the first page has what is preferred of the page", async () => {
  const loading = preferences.load();
  await answer(0, { account: { "page.theme": "dark" }, rooms: { r: {} }, more: true, after: "r" });
  assert.equal(preferences.account.get("theme"), "dark");
  await answer(1, { rooms: {} });
  await loading;
  assert.equal(preferences.account.get("theme"), "dark");
});
