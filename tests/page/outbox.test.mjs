import assert from "node:assert/strict";
import { test } from "node:test";
import { Outbox } from "../../static/lib/outbox.js";
import { RequestError } from "../../static/lib/socket.js";

const settled = () => new Promise((resolve) => setImmediate(resolve));
const states = (outbox) => outbox.in("r").map(({ body, state }) => `${body} ${state}`);
const refusal = (code, retry, after_ms) => new RequestError({ code, message: code, retry, after_ms });

/** A server whose answers the test gives. */
function server() {
  const asked = [];
  const send = (entry) => new Promise((resolve, reject) => asked.push({ ...entry, resolve, reject }));
  return { asked, send };
}

function memory() {
  const kept = new Map();
  return { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value), removeItem: (key) => kept.delete(key) };
}

test("messages of a room leave one after the other", async () => {
  const { asked, send } = server();
  const outbox = new Outbox({ send });
  outbox.add("r", "one");
  outbox.add("r", "two");
  outbox.add("other", "three");
  assert.deepEqual(asked.map(({ body }) => body), ["one", "three"]);
  asked[0].resolve({ seq: 5 });
  await settled();
  assert.deepEqual(asked.map(({ body }) => body), ["one", "three", "two"]);
  assert.deepEqual(states(outbox), ["one sent", "two pending"]);
});

test("a lost connection keeps the message and its client_id for the next one", async () => {
  const { asked, send } = server();
  const outbox = new Outbox({ send });
  outbox.add("r", "one");
  asked[0].reject(refusal("connection.lost", "later"));
  await settled();
  assert.deepEqual(states(outbox), ["one pending"]);
  outbox.flush();
  assert.equal(asked[1].client_id, asked[0].client_id);
});

test("'later' is tried again after the time the server asked for", async (context) => {
  const { asked, send } = server();
  const outbox = new Outbox({ send });
  outbox.add("r", "one");
  context.mock.timers.enable({ apis: ["setTimeout"] });
  asked[0].reject(refusal("limit.rate", "later", 700));
  await settled();
  context.mock.timers.tick(699);
  assert.equal(asked.length, 1);
  context.mock.timers.tick(1);
  assert.equal(asked.length, 2);
});

test("'never' fails the message, and the next one goes on", async () => {
  const { asked, send } = server();
  const outbox = new Outbox({ send });
  const { client_id } = outbox.add("r", "one");
  outbox.add("r", "two");
  asked[0].reject(refusal("message.refused", "never"));
  await settled();
  assert.deepEqual(states(outbox), ["one failed", "two pending"]);
  asked[1].resolve({ seq: 6 });
  await settled();
  outbox.retry(client_id);
  assert.equal(asked[2].client_id, client_id);
  outbox.discard(client_id);
  assert.deepEqual(states(outbox), ["two sent"]);
});

test("what was not sent survives a reload, confirmed messages and a sign-out leave nothing", async () => {
  const storage = memory();
  const before = new Outbox({ send: () => Promise.reject(refusal("connection.lost", "later")), storage });
  before.open("me");
  const first = before.add("r", "one");
  before.add("r", "two");
  await settled();
  before.confirmed(first.client_id);

  const { asked, send } = server();
  const after = new Outbox({ send, storage });
  after.open("me");
  after.flush();
  assert.deepEqual(asked.map(({ body }) => body), ["two"]);
  after.clear();
  assert.equal(storage.getItem("outbox:me"), null);
});
