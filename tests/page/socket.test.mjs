import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { backoffMs, Connection } from "../../static/lib/socket.js";

class FakeSocket {
  static made = [];
  sent = [];
  closed = null;
  readyState = 1;

  constructor(url) {
    this.url = url;
    FakeSocket.made.push(this);
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close(code = 1005) {
    this.closed = code;
  }

  says(frame) {
    this.onmessage({ data: JSON.stringify(frame) });
  }

  drops(code) {
    this.onclose({ code });
  }
}

const HELLO = { sys: "hello", heartbeat_ms: 25_000, max_frame: 65_536, epoch: "e1" };
const last = () => FakeSocket.made.at(-1);

function started() {
  const connection = new Connection({ url: "ws://server/ws", makeSocket: (url) => new FakeSocket(url), random: () => 1 });
  connection.start();
  last().says(HELLO);
  return connection;
}

beforeEach(() => {
  FakeSocket.made = [];
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"] });
});

test("a question larger than a frame may be is refused here, and ends no connection", async () => {
  const connection = started();
  await assert.rejects(connection.request("send", { body: "長".repeat(30_000) }), { code: "limit.size", retry: "never" });
  assert.deepEqual(last().sent, []);
  connection.stop();
});

test("is open once the server has said hello", () => {
  const connection = new Connection({ url: "ws://server/ws", makeSocket: (url) => new FakeSocket(url) });
  connection.start();
  assert.equal(connection.status, "connecting");
  last().says(HELLO);
  assert.equal(connection.status, "open");
  connection.stop();
});

test("an answer finds its question", async () => {
  const connection = started();
  const first = connection.request("rooms");
  const second = connection.request("ping");
  const [{ id: one, op }, { id: two }] = last().sent;
  assert.equal(op, "rooms");
  last().says({ re: two, ok: {} });
  last().says({ re: one, ok: { rooms: [] } });
  assert.deepEqual(await first, { rooms: [] });
  assert.deepEqual(await second, {});
  connection.stop();
});

test("a refusal carries code, retry and the time to wait", async () => {
  const connection = started();
  const asked = connection.request("send", { room: "r" });
  last().says({ re: last().sent[0].id, error: { code: "limit.rate", message: "Slow down.", retry: "later", after_ms: 700 } });
  await assert.rejects(asked, { code: "limit.rate", retry: "later", afterMs: 700 });
  connection.stop();
});

test("questions under way fail when the line drops", async () => {
  const connection = started();
  const asked = connection.request("rooms");
  last().drops(1006);
  await assert.rejects(asked, { code: "connection.lost", retry: "later" });
  assert.equal(connection.status, "waiting");
  connection.stop();
});

test("reconnects below 4450, waiting longer each time", () => {
  const connection = started();
  for (const [code, delay] of [
    [4301, 500],
    [1006, 1_000],
    [4408, 2_000],
  ]) {
    const before = FakeSocket.made.length;
    last().drops(code);
    mock.timers.tick(delay - 1);
    assert.equal(FakeSocket.made.length, before);
    mock.timers.tick(1);
    assert.equal(FakeSocket.made.length, before + 1);
  }
  connection.stop();
});

test("a connection that lasted starts again with the shortest delay", () => {
  const connection = started();
  last().drops(1006);
  mock.timers.tick(500);
  last().drops(1006);
  mock.timers.tick(1_000);
  last().says(HELLO);
  mock.timers.tick(6_000);
  last().drops(1006);
  mock.timers.tick(500);
  assert.equal(FakeSocket.made.length, 4);
  connection.stop();
});

test("stops for good from 4450 on", () => {
  const connection = started();
  const seen = [];
  connection.addEventListener("status", ({ detail }) => seen.push(detail));
  last().drops(4453);
  mock.timers.tick(120_000);
  assert.deepEqual(seen, [{ status: "stopped", code: 4453 }]);
  assert.equal(FakeSocket.made.length, 1);
});

test("a silent line is asked, and given up when it does not answer", () => {
  const connection = started();
  mock.timers.tick(25_000);
  assert.equal(last().sent.at(-1).op, "ping");
  const silent = last();
  mock.timers.tick(8_000);
  assert.equal(connection.status, "waiting");
  assert.equal(silent.closed, 1005);
  connection.stop();
});

test("frames of an abandoned socket change nothing", () => {
  const connection = started();
  const old = last();
  mock.timers.tick(25_000);
  mock.timers.tick(8_000); // given up: no answer to the ping
  mock.timers.tick(500);
  assert.notEqual(last(), old);
  last().says(HELLO);
  old.drops(4452);
  assert.equal(connection.status, "open");
  connection.stop();
});

test("waking up tries at once", () => {
  const connection = started();
  last().drops(1006);
  connection.wake();
  assert.equal(FakeSocket.made.length, 2);
  mock.timers.tick(60_000);
  connection.stop();
});

test("the delay grows to half a minute and keeps a random half", () => {
  assert.equal(backoffMs(0, () => 0), 250);
  assert.equal(backoffMs(0, () => 1), 500);
  assert.equal(backoffMs(20, () => 0), 15_000);
  assert.equal(backoffMs(20, () => 1), 30_000);
});

test("without a network the connection is lost at once", async () => {
  const connection = started();
  const asked = connection.request("rooms");
  connection.offline();
  await assert.rejects(asked, { code: "connection.lost" });
  assert.equal(connection.status, "waiting");
  mock.timers.tick(500);
  assert.equal(FakeSocket.made.length, 2);
  connection.stop();
});

test("a question that meets silence is the first sign of a dead line", async () => {
  const connection = started();
  const asked = connection.request("send", { room: "r" });
  mock.timers.tick(2_500);
  assert.equal(last().sent.at(-1).op, "ping");
  mock.timers.tick(2_500);
  await assert.rejects(asked, { code: "connection.lost" });
  assert.equal(connection.status, "waiting");
  connection.stop();
});

test("a server that is slow with one answer, but there, is waited for", async () => {
  const connection = started();
  const asked = connection.request("search", { text: "x" });
  const { id } = last().sent[0];
  for (let second = 0; second < 4; second += 1) {
    mock.timers.tick(2_500);
    const { op, id: ping } = last().sent.at(-1);
    if (op === "ping") last().says({ re: ping, ok: {} });
  }
  last().says({ re: id, ok: { messages: [] } });
  assert.deepEqual(await asked, { messages: [] });
  assert.equal(connection.status, "open");
  mock.timers.tick(10_000);
  assert.ok(last().sent.filter(({ op }) => op === "ping").length <= 4);
  connection.stop();
});

test("a socket that is closing swallows nothing", async () => {
  const connection = started();
  last().readyState = 2;
  await assert.rejects(connection.request("send", { room: "r" }), { code: "connection.lost" });
  assert.deepEqual(last().sent, []);
  assert.equal(connection.status, "waiting");
  connection.stop();
});

test("an answer that says nothing is an error to try again after", async () => {
  const connection = started();
  for (const answer of [{}, { ok: null }, { ok: 5 }, { error: "no" }, { error: {} }, { ok: {}, error: null }]) {
    const asked = connection.request("send");
    last().says({ re: last().sent.at(-1).id, ...answer });
    await assert.rejects(asked, { code: "server.internal", retry: "later" });
  }
  assert.equal(connection.status, "open");
  connection.stop();
});

for (const text of ["<html>", "null", "[]", "5", '{"sys": "hello"}'])
  test(`what is no frame ends the connection, and the next one is tried: ${text}`, () => {
    const connection = started();
    last().onmessage({ data: text });
    assert.equal(connection.status, "waiting");
    mock.timers.tick(500);
    assert.equal(FakeSocket.made.length, 2);
    last().says(HELLO);
    assert.equal(connection.status, "open");
    connection.stop();
  });

test("a clock that is set back hides no silence", () => {
  const connection = started();
  mock.timers.setTime(Date.now() + 1); // the clock of timers goes on
  const real = Date.now;
  Date.now = () => real() - 86_400_000;
  mock.timers.tick(25_000);
  assert.equal(last().sent.at(-1).op, "ping");
  mock.timers.tick(8_000);
  assert.equal(connection.status, "waiting");
  Date.now = real;
  connection.stop();
});

test("a line that dies between two questions is found out, too", async () => {
  const connection = started();
  const first = connection.request("rooms");
  mock.timers.tick(2_000);
  const second = connection.request("send", { room: "r" });
  last().says({ re: last().sent[0].id, ok: {} });
  await first;
  const outcome = assert.rejects(second, { code: "connection.lost" });
  for (let turn = 0; turn < 4; turn += 1) mock.timers.tick(2_500);
  await outcome;
  connection.stop();
});
