/** What a real server seldom does: the client in front of one whose answers the tests choose. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { connect } from "chatserver-client";

const USER = { id: "u", username: "u" };
const LATER = { code: "store.unavailable", message: "away", retry: "later", after_ms: 1 };
const GONE = { code: "room.not_found", message: "gone", retry: "refresh" };

/** Answers operations by `answers`; each connection is in `sockets`, what was asked for in `asked`. */
class FakeSocket {
  readyState = 1;

  constructor() {
    sockets.push(this);
    queueMicrotask(() => this.say({ sys: "hello", heartbeat_ms: 60_000, max_frame: 65_536, epoch }));
  }

  say(frame) {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }

  raw(data) {
    this.onmessage({ data });
  }

  end(code = 1006) {
    this.readyState = 3;
    this.onclose({ code });
  }

  close() {
    this.readyState = 3;
  }

  send(text) {
    const { id, op, ...fields } = JSON.parse(text);
    asked.push({ op, ...fields });
    queueMicrotask(() => {
      const answer = answers[op]?.(fields, this);
      if (answer !== undefined && this.readyState === 1) this.say({ re: id, ...answer });
    });
  }

  event(room, seq) {
    this.say({ ev: "message.posted", room, seq, author: USER, body: String(seq) });
  }
}

const live = ({ rooms }) => ({ ok: { rooms: Object.fromEntries(Object.entries(rooms).map(([room, head]) => [room, { state: "live", head }])) } });
const subs = () => asked.filter(({ op }) => op === "sub").map(({ rooms, epoch: of }) => ({ rooms, epoch: of }));

let sockets;
let asked;
let answers;
let epoch;
let chat;

beforeEach(() => {
  [sockets, asked, epoch] = [[], [], "e"];
  answers = {
    auth: () => ({ ok: { user: USER } }),
    rooms: () => ({ ok: { rooms: [{ id: "a", head: 3 }, { id: "b", head: 5 }, { id: "c", head: 1, joined: false }] } }),
    sub: live,
  };
  globalThis.WebSocket = FakeSocket;
});

afterEach(() => chat.close());

async function begin(options = {}) {
  chat = await connect({ url: "http://chat.example.org", token: "t", warn() {}, ...options });
  return sockets.at(-1);
}

async function take(events, count) {
  const found = [];
  while (found.length < count) {
    const { room, seq, head } = (await events.next()).value;
    found.push(`${room}${seq ?? ` gap ${head}`}`);
  }
  return found;
}

async function until(condition) {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

test("events come once, in order, whatever is sent", async () => {
  answers.sub = (fields, socket) => {
    if (subs().length > 1) for (const seq of [4, 5, 6]) socket.event("a", seq);
    return live(fields);
  };
  const socket = await begin();
  assert.deepEqual(subs(), [{ rooms: { a: 3, b: 5 }, epoch: "e" }]);
  socket.event("a", 3); // had already
  socket.event("c", 2); // not followed
  socket.event("a", 5); // one is missing
  socket.event("b", 6);
  assert.deepEqual(await take(chat.events(), 4), ["b6", "a4", "a5", "a6"]);
  assert.deepEqual(chat.positions, { a: 6, b: 6 });
});

test("what is too much is not kept, but asked for once the rest is taken", async () => {
  const socket = await begin();
  for (let seq = 4; seq < 1010; seq += 1) socket.event("a", seq);
  assert.equal(subs().length, 1);
  answers.sub = (fields, again) => {
    for (let seq = fields.rooms.a + 1; seq < 1010; seq += 1) again.event("a", seq);
    return live(fields);
  };
  const found = await take(chat.events(), 1006);
  assert.deepEqual(found, Array.from({ length: 1006 }, (_, place) => `a${place + 4}`));
  assert.deepEqual(subs().slice(1), [{ rooms: { a: 1003, b: 5 }, epoch: "e" }]);
});

test("a room that cannot be had for the time being keeps no other waiting", async () => {
  answers.sub = ({ rooms }) => ({ ok: { rooms: { ...live({ rooms }).ok.rooms, a: subs().length < 3 ? { state: "error", head: 0, error: LATER } : { state: "live", head: 3 } } } });
  const socket = await begin();
  socket.event("b", 6);
  assert.deepEqual(await take(chat.events(), 1), ["b6"]);
  await until(() => subs().length === 3);
  assert.equal(sockets.length, 1);
  socket.event("a", 4);
  assert.deepEqual(await take(chat.events(), 1), ["a4"]);
});

test("a room that is gone is left out, also if all are", async () => {
  answers.sub = () => ({ error: GONE });
  const socket = await begin();
  assert.deepEqual(subs().map(({ rooms }) => rooms), [{ a: 3, b: 5 }, { a: 3 }, { b: 5 }]);
  socket.event("a", 4);
  answers.sub = live;
  socket.say({ ev: "room.added", room: "d", head: 7 });
  await until(() => subs().length === 4);
  socket.event("d", 8);
  assert.deepEqual(await take(chat.events(), 1), ["d8"]);
});

test("a room into which one comes while the list is read is followed", async () => {
  answers.rooms = ({ after }, socket) => {
    if (!after) return { ok: { rooms: [{ id: "b", head: 5 }], more: true, after: "b" } };
    socket.say({ ev: "room.added", room: "a", head: 3 });
    return { ok: { rooms: [] } };
  };
  const socket = await begin({ positions: { a: 2, gone: 9 }, epoch: "e" });
  socket.event("a", 3);
  socket.event("a", 4);
  socket.event("gone", 10);
  socket.event("b", 6);
  assert.deepEqual(await take(chat.events(), 3), ["a3", "a4", "b6"]);
});

test("positions mean nothing for other data, also if the connection ends before that is said", async () => {
  epoch = "f";
  answers.sub = ({ rooms, epoch: of }, socket) => {
    if (sockets.length === 1) return void socket.end();
    const gaps = Object.keys(rooms).map((room) => [room, { state: "gap", head: 9 }]);
    return of === "f" ? live({ rooms }) : { ok: { rooms: Object.fromEntries(gaps) } };
  };
  await begin({ positions: { a: 3, b: 5 }, epoch: "e" });
  const events = chat.events();
  assert.deepEqual(subs().map(({ epoch: of }) => of), ["e", "e", "f"]);
  assert.deepEqual(await take(events, 1), ["a gap 9"]);
  assert.equal(chat.epoch, "e"); // the position of b still is
  assert.deepEqual(await take(events, 1), ["b gap 9"]);
  sockets.at(-1).event("a", 10);
  assert.deepEqual(await take(events, 1), ["a10"]);
  assert.deepEqual([chat.epoch, chat.positions], ["f", { a: 10, b: 9 }]);
});

test("a message is repeated with its id on the next connection, and refused for good if that is", async () => {
  answers.send = (_fields, socket) => (sockets.length === 1 ? void socket.end() : { ok: { id: "m", seq: 4 } });
  await begin();
  assert.equal((await chat.send("a", "text")).seq, 4);
  const [first, second] = asked.filter(({ op }) => op === "send");
  assert.deepEqual(first, second);
  answers.send = (_fields, socket) => void socket.end(4452);
  await assert.rejects(chat.send("a", "text"), { code: "connection.refused", close: 4452 });
  await assert.rejects(chat.events().next(), { code: "connection.refused" });
  assert.equal(sockets.length, 2);
});

test("another request is not repeated", async () => {
  answers.edit = (_fields, socket) => void socket.end();
  await begin();
  await assert.rejects(chat.request("edit", { room: "a", message: "m", body: "text" }), { code: "connection.lost", retry: "later" });
  await until(() => sockets.length === 2);
  assert.equal(asked.filter(({ op }) => op === "edit").length, 1);
  answers.history = () => ({ error: LATER });
  await assert.rejects(chat.request("history", { room: "a" }), { ...LATER, name: "ChatError" });
  answers.history = () => ({ error: GONE });
  await assert.rejects(chat.request("history", { room: "a" }), { ...GONE, after_ms: undefined });
});

for (const nonsense of ["not JSON", "null", '{"sys": "hello"}']) {
  test(`a server that says ${nonsense} is left, and tried again`, async () => {
    const socket = await begin();
    socket.raw(nonsense);
    assert.equal(socket.readyState, 3);
    await until(() => sockets.length === 2);
  });
}
