import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { Known } from "../../plugins/drafts/page/known.js";
import { asWritten, decide, markOf, NONE } from "../../plugins/drafts/page/merging.js";
import { Syncing } from "../../plugins/drafts/page/syncing.js";
import { fakeTabStorage, settled } from "./browser-fakes.mjs";

const text = (said, reply_to = null) => ({ text: said, reply_to });
const draft = (revision, body, reply_to = null) => ({ revision, body, reply_to });
const knowing = (revision, said, more = {}) => ({ revision, mark: markOf(text(said)), tried: null, emptied: false, ...more });
const tried = (said) => ({ tried: markOf(text(said)) });

test("texts are told apart by what they say and answer; one without a letter is none", () => {
  assert.equal(markOf(text(" \n")), "");
  assert.equal(markOf(text("", "r-1")), "");
  const marks = [text("a"), text("b"), text("a "), text("a", "r-1"), text("a", "r-2"), text("👍"), text("👎")].map(markOf);
  assert.equal(new Set(marks).size, marks.length);
  assert.equal(markOf(asWritten({ body: "a" })), markOf(text("a")));
  assert.doesNotMatch(markOf(text("secret")), /secret/);
});

test("what becomes of a draft here and on the server", () => {
  const cases = [
    // [what, written here, known, on the server]
    ["same", "", knowing("", ""), NONE],
    ["same", "a", knowing("1", "x"), draft("2", "a")],
    ["save", "a", knowing("", ""), NONE],
    ["save", "ab", knowing("1", "a"), draft("1", "a")],
    ["save", "", knowing("1", "a", { emptied: true }), draft("1", "a")],
    // The browser may have lost what it kept: that is no wish to remove it.
    ["take", "", knowing("1", "a"), draft("1", "a")],
    ["take", "", knowing("", ""), draft("1", "a")],
    ["take", "a", knowing("1", "a"), draft("2", "b")],
    ["take", "a", knowing("1", "a"), draft("2", "")],
    ["take", "a", knowing("1", "a"), NONE],
    ["take", "", knowing("1", "a", { emptied: true }), draft("2", "b")],
    // Both have written: nothing is lost.
    ["keep", "ab", knowing("1", "a"), draft("2", "ac")],
    ["keep", "b", knowing("", ""), draft("2", "ac")],
    ["keep", "ab", knowing("1", "a", tried("ab")), draft("2", "ac")],
    // Sent elsewhere: a rest of it is not brought back, but another draft is.
    ["keep", "ab", knowing("1", "a"), draft("2", "")],
    ["keep", "ab", knowing("1", "a"), NONE],
    ["keep", "ab", knowing("", "", tried("ab")), draft("2", "")],
    ["keep", "abc", knowing("", "", tried("ab")), draft("2", "")],
    ["save", "b", knowing("1", ""), draft("2", "")],
    // A save whose answer was lost is one's own.
    ["save", "abc", knowing("1", "a", tried("ab")), draft("2", "ab")],
    ["save", "", knowing("1", "a", { ...tried("ab"), emptied: true }), draft("2", "ab")],
    ["save", "b", knowing("1", "a", { tried: "" }), draft("2", "")],
  ];
  for (const [what, here, known, remote] of cases)
    assert.equal(decide({ local: text(here), known, remote }), what, JSON.stringify([here, known, remote]));
});

test("whoever writes on after it was sent elsewhere begins another draft; over another text they write nothing", () => {
  const known = knowing("1", "a");
  assert.equal(decide({ local: text("ab"), known, remote: draft("2", ""), isWriting: true }), "save");
  assert.equal(decide({ local: text("ab"), known, remote: draft("2", "ac"), isWriting: true }), "keep");
});

let server, composer, calls, faults, gate, meanwhile, known, storage, syncing, me, told;

/** A device with its composer, and a server with one more device. */
beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
  [server, composer, calls, faults, me, told] = [new Map(), new Map(), [], [], { id: "me" }, []];
  gate = null; // what answers wait for
  meanwhile = () => {}; // what another device does just before a save arrives
  storage = fakeTabStorage();
  begun();
});

let revision = 100;

const key = ({ room, thread }) => thread ?? room;
const standing = (place) => server.get(key(place)) ?? { ...place, revision: "", body: "" };

function store(place, body, reply_to = null) {
  server.set(key(place), { ...place, body, reply_to, revision: String(++revision) });
  told.push({ ...place, revision: String(revision) });
}

function begun() {
  const page = {
    me: () => me,
    draft: (place) => ({ ...place, ...(composer.get(key(place)) ?? text("")) }),
    drafts: async () => [...composer].map(([each, written]) => ({ ...placed(each), ...written })),
    putDraft: async ({ room, thread, text: said, reply }) => {
      const before = composer.get(key({ room, thread })) ?? text("");
      composer.set(key({ room, thread }), text(said, reply === undefined ? before.reply_to : (reply?.id ?? null)));
    },
    call: async (name, { room, thread = null, ...fields }) => {
      calls.push([name, ...(room ? [key({ room, thread })] : []), ...(name === "save" ? [fields.body] : [])]);
      const place = { room, thread };
      const fault = faults.shift();
      if (fault && !fault.comesLate) throw fault;
      const answer = answered(name, place, fields);
      await gate;
      if (fault) throw fault;
      return answer;
    },
  };
  known = new Known(storage);
  syncing = new Syncing({ page, known });
}

function answered(name, place, { body, reply_to, base, after }) {
  if (name === "list") {
    const all = [...server.values()];
    return after ? { drafts: all.slice(1) } : { drafts: all.slice(0, 1), after: all.length > 1 ? "1" : undefined };
  }
  if (name === "get") return { draft: standing(place) };
  meanwhile();
  if (base !== standing(place).revision) return { saved: false, draft: standing(place) };
  if (body !== standing(place).body) store(place, body, reply_to);
  return { saved: true, draft: standing(place) };
}

/** Answers wait until the function that is returned is called. */
function closeGate() {
  let open = () => {};
  gate = new Promise((resolve) => (open = resolve));
  return open;
}

const placed = (each) => (each.includes("-") ? { room: each.split("-")[0], thread: each } : { room: each, thread: null });
const ROOM = placed("r");

function write(said, place = ROOM) {
  composer.set(key(place), text(said));
  syncing.onDraft({ ...place, ...text(said), left: false });
}

async function pass(ms) {
  mock.timers.tick(ms);
  await settled();
}

/** The notices reach the device. */
async function hear() {
  for (const notice of told.splice(0)) await syncing.onChanged(notice);
}

const fault = (code, retry, more = {}) => Object.assign(new Error(code), { code, retry, ...more });
const here = (place = ROOM) => composer.get(key(place))?.text ?? "";
const there = (place = ROOM) => standing(place).body;
const saves = () => calls.filter(([name]) => name === "save").map((call) => call.at(-1));

test("one save follows the last key, not each key; leaving the composer, or putting the page away, does not wait", async () => {
  await syncing.begin();
  for (const said of ["a", "ab", "abc"]) {
    write(said);
    await pass(1_400);
  }
  assert.deepEqual(saves(), []);
  await pass(100);
  assert.deepEqual(saves(), ["abc"]);
  await hear();
  await pass(60_000);
  assert.deepEqual(saves(), ["abc"]); // its own notice asks for nothing
  assert.deepEqual(calls.filter(([name]) => name === "get"), []);
  write("left");
  syncing.onDraft({ ...ROOM, ...text("left"), left: true });
  await settled();
  write("put away");
  write("in a thread", placed("r-7"));
  syncing.flush();
  await settled();
  assert.deepEqual(saves(), ["abc", "left", "put away", "in a thread"]);
  syncing.onDraft({ ...ROOM, ...text("put away"), left: true });
  await pass(60_000);
  assert.equal(saves().length, 4);
});

test("what another device writes comes into the composer, with the message that it answers", async () => {
  composer.set("s", text("", "s-1")); // chosen to be answered, before a word was written
  await syncing.begin();
  store(ROOM, "from the phone", "r-3");
  server.get("r").reply = { id: "r-3" };
  store(placed("s"), "there, too");
  await hear();
  assert.deepEqual(composer.get("r"), text("from the phone", "r-3"));
  assert.deepEqual(composer.get("s"), text("there, too", "s-1"));
  store(ROOM, "");
  await hear();
  assert.deepEqual(composer.get("r"), text(""));
  await pass(60_000);
  assert.deepEqual(saves(), []);
});

test("drafts that were there before come into the composers, from all pages of the list", async () => {
  store(ROOM, "one");
  store(placed("s"), "two");
  await syncing.begin();
  assert.deepEqual([here(), here(placed("s"))], ["one", "two"]);
  [composer, server] = [new Map(), new Map()]; // they have expired
  await syncing.begin();
  assert.deepEqual(known.keys(), []);
});

test("a text that another device has replaced can be written again", async () => {
  await syncing.begin();
  write("a");
  await pass(1_500);
  await hear();
  store(ROOM, "b");
  await hear();
  write("a");
  await pass(1_500);
  assert.equal(there(), "a");
});

test("what was begun here is saved, though a draft was removed elsewhere just then, or a save was refused before", async () => {
  composer.set("r", text("a"));
  meanwhile = () => {
    meanwhile = () => {};
    store(ROOM, "");
  };
  await syncing.begin();
  assert.equal(there(), "a");
  const other = placed("s");
  faults = [fault("room.not_found", "refresh")];
  write("b", other);
  await pass(1_500);
  store(other, "");
  await syncing.begin();
  assert.equal(there(other), "b");
});

test("a draft of a room that is closed meanwhile is asked for once", async () => {
  await syncing.begin();
  const asked = calls.length;
  faults = [fault("room.not_found", "refresh")];
  await syncing.onChanged({ ...ROOM, revision: "1" });
  await pass(60_000);
  assert.deepEqual(calls.slice(asked), [["get", "r"]]);
});

test("what was written without a connection is saved with the next one; what was sent elsewhere meanwhile goes", async () => {
  await syncing.begin();
  write("one");
  write("elsewhere", placed("s"));
  await pass(1_500);
  faults = [fault("connection.lost", "later")];
  write("one two");
  await pass(1_500);
  const asked = calls.length;
  await pass(60_000);
  assert.deepEqual([there(), calls.length], ["one", asked]); // the next connection begins again
  store(placed("s"), "");
  begun(); // the page is loaded again
  await syncing.begin();
  assert.equal(there(), "one two");
  assert.equal(here(placed("s")), "");
});

test("a message that was sent without a connection takes its draft away with the next one", async () => {
  await syncing.begin();
  write("sent");
  await pass(1_500);
  faults = [fault("connection.lost", "later")];
  write("");
  await pass(200);
  assert.equal(there(), "sent");
  composer.clear();
  begun();
  await syncing.begin();
  assert.deepEqual([here(), there()], ["", ""]);
});

test("what is sent while its save is under way does not come back", async () => {
  await syncing.begin();
  write("sent");
  const open = closeGate();
  await pass(1_500);
  assert.equal(there(), "sent");
  write(""); // before the answer
  open();
  await settled();
  await hear();
  assert.equal(here(), "");
  await pass(200);
  await hear();
  assert.deepEqual([here(), there(), saves()], ["", "", ["sent", ""]]);
});

test("what was sent before the first comparison does not come back", async () => {
  await syncing.begin();
  write("sent");
  await pass(1_500);
  composer.set("r", text("")); // as the page tells of it that knew no plugin then
  begun();
  await syncing.begin();
  assert.deepEqual([here(), there()], ["", ""]);
});

test("both write: each keeps its own, until the composer is empty", async () => {
  await syncing.begin();
  write("a");
  await pass(1_500);
  told = [];
  store(ROOM, "a phone");
  write("a laptop");
  await hear();
  await pass(60_000);
  write("a laptop, too");
  await pass(60_000);
  assert.deepEqual([here(), there()], ["a laptop, too", "a phone"]);
  begun();
  await syncing.begin();
  assert.deepEqual([here(), there()], ["a laptop, too", "a phone"]);
  write("");
  await pass(200);
  assert.deepEqual([here(), there()], ["a phone", "a phone"]);
});

test("a rest of what was sent elsewhere stays here alone, and is a draft again when its author writes on", async () => {
  await syncing.begin();
  write("tea");
  await pass(1_500);
  composer.set("r", text("tea at"));
  store(ROOM, "");
  begun();
  await syncing.begin();
  assert.deepEqual([here(), there()], ["tea at", ""]);
  for (const left of [true, false]) syncing.onDraft({ ...ROOM, ...text("tea at"), left }); // looked at, and a message chosen to be changed
  await pass(60_000);
  assert.equal(there(), "");
  write("tea at five");
  await pass(1_500);
  assert.equal(there(), "tea at five");
});

test("a save whose answer was lost is known again", async () => {
  await syncing.begin();
  faults = [fault("connection.lost", "later", { comesLate: true })];
  write("tea");
  await pass(1_500);
  composer.set("r", text("tea at"));
  assert.equal(there(), "tea");
  await syncing.begin();
  assert.equal(there(), "tea at");
  faults = [fault("connection.lost", "later", { comesLate: true })];
  write("tea at five");
  await pass(1_500);
  store(ROOM, ""); // the phone has sent it
  await syncing.begin();
  assert.deepEqual([here(), there()], ["tea at five", ""]);
});

test("a server that cannot save is asked again, one that refuses is not; the other drafts go on", async () => {
  await syncing.begin();
  faults = [fault("limit.rate", "later")];
  write("a");
  await pass(1_500);
  assert.equal(there(), "");
  await pass(30_000);
  assert.equal(there(), "a");
  faults = [fault("limit.size", "never"), fault("room.not_found", "refresh")];
  write("too long");
  write("closed", placed("s"));
  await pass(1_500);
  const asked = calls.length;
  await pass(60_000);
  assert.equal(calls.length, asked);
  write("fits");
  await pass(1_500);
  assert.equal(there(), "fits");
  composer.set("s", text("closed"));
  composer.set("t", text("open"));
  faults = [undefined, fault("room.not_found", "refresh")];
  await syncing.begin();
  assert.equal(there(placed("t")), "open");
});

test("a fault of the module is named, and does not end it", async () => {
  const complaints = mock.method(console, "error", () => {});
  faults = [new TypeError("broken")];
  await syncing.begin();
  assert.match(String(complaints.mock.calls[0].arguments[1]), /broken/);
  complaints.mock.restore();
  write("a");
  await pass(30_000);
  assert.equal(there(), "a");
});

test("of two tabs of a browser, one asks for what the other has saved since, and takes nothing that is older", async () => {
  await syncing.begin();
  write("one");
  await pass(1_500);
  const first = syncing;
  begun(); // another tab, with the same composer
  await syncing.begin();
  told = [];
  composer.set("r", text("one two"));
  first.onDraft({ ...ROOM, ...text("one two"), left: false });
  await pass(1_500);
  const notices = [...told];
  composer.set("r", text("one two three"));
  const asked = saves().length;
  await syncing.onChanged(notices[0]);
  assert.equal(here(), "one two three");
  assert.equal(saves().length, asked); // the tab in which it is written saves it
  known.learn("r", String(++revision), markOf(text("one two three")));
  server.get("r").body = "one two three";
  server.get("r").revision = String(revision);
  server.set("s", { ...placed("s"), body: "x", revision: String(++revision) });
  await syncing.onChanged({ ...placed("s"), revision: String(revision) });
  assert.equal(here(), "one two three");
});

test("a draft that is not in the list, as another tab has saved it since, stays", async () => {
  await syncing.begin();
  write("one");
  await pass(1_500);
  begun();
  const list = [...server];
  server.clear();
  const beginning = syncing.begin();
  await Promise.resolve();
  server = new Map(list);
  await beginning;
  assert.deepEqual([here(), there()], ["one", "one"]);
});

test("after the sign-out nothing is known, and nothing of one person comes to another", async () => {
  await syncing.begin();
  write("mine");
  await pass(1_500);
  write("mine, too");
  syncing.forget();
  assert.equal(storage.length, 0);
  [me, server] = [null, new Map()];
  syncing.onDraft({ ...ROOM, ...text("nobody's"), left: false });
  await syncing.begin();
  composer.clear();
  me = { id: "ben" };
  await syncing.begin();
  await pass(60_000);
  assert.deepEqual([here(), there()], ["", ""]);
  assert.deepEqual(saves(), ["mine"]);
  me = { id: "cho" };
  write("cho's");
  await pass(60_000);
  assert.deepEqual(saves(), ["mine"]); // what the server has for them is not known yet
  await syncing.begin();
  assert.deepEqual(saves(), ["mine", "cho's"]);
});

test("an answer for somebody who is not here any more changes nothing", async () => {
  store(ROOM, "mine");
  const open = closeGate();
  const beginning = syncing.begin();
  await settled();
  assert.deepEqual(calls, [["list"]]);
  me = { id: "ben" };
  open();
  await beginning;
  assert.equal(here(), "");
});

test("what is known is one user's, over a reload, or in memory where the browser keeps nothing", () => {
  known.open("me");
  known.learn("r", "1", "m");
  known.change("r", { tried: "n" });
  const again = new Known(storage);
  again.open("me");
  assert.deepEqual(again.of("r"), { revision: "1", mark: "m", tried: "n", emptied: false });
  again.learn("r", "2", "n");
  assert.deepEqual([again.of("r").tried, again.keys()], [null, ["r"]]);
  again.learn("r", "", "");
  assert.deepEqual(again.keys(), []);
  again.learn("r", "3", "o");
  again.open("ben");
  assert.deepEqual([again.of("r").revision, again.keys()], ["", []]);
  for (const closed of [null, { getItem: () => assert.fail("blocked"), setItem: () => assert.fail("full"), removeItem: () => assert.fail("closed") }]) {
    const inMemory = new Known(closed);
    inMemory.open("me");
    inMemory.learn("r", "1", "m");
    inMemory.open("me");
    assert.equal(inMemory.of("r").revision, "1");
    inMemory.open("ben");
    assert.deepEqual(inMemory.keys(), []);
    inMemory.clear();
  }
  storage.setItem("drafts.known", "{no JSON");
  const anew = new Known(storage);
  anew.open("me");
  assert.deepEqual(anew.keys(), []);
});
