import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import vm from "node:vm";

const SOURCE = await readFile(new URL("../../plugins/push/page/worker.js", import.meta.url), "utf8");
const NOTICE = { tag: "r", title: "Ben in Lounge", body: "Hello", room: "r", seq: 3, url: "/m/r-3", language: "en" };

/** The worker among windows, with a server that knows `devices`. `happen(type, event)` resolves when it has done its part. */
function worker({ windows = [], devices = [], status = 200 } = {}) {
  const listeners = {};
  const shown = new Map();
  const seen = { badges: [], opened: [], requests: [], shown, subscribed: [] };
  const registration = {
    showNotification: async (title, options) => void shown.set(options.tag, { title, ...options, close: () => shown.delete(options.tag) }),
    getNotifications: async ({ tag } = {}) => [...shown.values()].filter((each) => tag === undefined || each.tag === tag),
    pushManager: { subscribe: async (options) => (seen.subscribed.push(options), subscription("https://push.example/new")) },
  };
  const self = {
    addEventListener: (type, listener) => (listeners[type] = listener),
    skipWaiting() {},
    registration,
    clients: { matchAll: async () => windows, openWindow: async (url) => void seen.opened.push(url) },
  };
  const fetch = async (url, options = { method: "GET" }) => {
    seen.requests.push([options.method, url, options.body && JSON.parse(options.body)]);
    return { ok: status === 200, json: async () => ({ key: "K", devices }) };
  };
  const navigator = { setAppBadge: async (count) => void seen.badges.push(count) };
  vm.runInNewContext(SOURCE, { self, fetch, navigator, crypto, TextEncoder, Uint8Array });
  const happen = async (type, event = {}) => {
    const waits = [];
    listeners[type]({ ...event, waitUntil: (promise) => waits.push(promise) });
    await Promise.all(waits);
  };
  return { ...seen, happen, push: (more) => happen("push", { data: { json: () => ({ ...NOTICE, ...more }) } }) };
}

const subscription = (endpoint) => ({ endpoint, toJSON: () => ({ endpoint, expirationTime: null, keys: { auth: "A" } }) });

const view = (more) => {
  const told = [];
  return { told, focused: false, visibilityState: "hidden", async focus () { return this; }, postMessage: (message) => told.push(message), ...more };
};

test("of each room the last notice is shown, and the badge counts the rooms", async () => {
  const { push, shown, badges } = worker();
  await push();
  await push({ seq: 5, body: "Again" });
  await push({ room: "other", tag: "other", seq: 1 });
  const { title, body, lang, renotify, silent } = shown.get("r");
  assert.deepEqual([title, body, lang, renotify, silent], ["Ben in Lounge", "Again", "en", true, null]);
  assert.deepEqual(badges, [1, 1, 2]);
});

test("a reminder of an older message stands beside the last notice of its room", async () => {
  const { push, shown } = worker();
  await push({ seq: 5, body: "Last" });
  await push({ tag: "reminder of r-3", seq: 3, title: "Reminder" });
  assert.deepEqual([...shown.values()].map(({ title, data }) => [title, data.seq]), [["Ben in Lounge", 5], ["Reminder", 3]]);
});

test("a push that comes again, or too late, leaves the notice as it is, without a sound", async () => {
  const { push, shown } = worker();
  await push({ seq: 5, body: "Last" });
  for (const seq of [5, 4]) {
    await push({ seq, body: "Other" });
    const { body, data, renotify, silent } = shown.get("r");
    assert.deepEqual([body, data.seq, renotify, silent], ["Last", 5, false, true]);
  }
});

test("a click leads to the message in the window that has the focus, else in one that is seen, else in any", async () => {
  for (const kinds of [[{}, { visibilityState: "visible" }, { focused: true }], [{}, { visibilityState: "visible" }], [{}]]) {
    const windows = kinds.map(view);
    const { push, happen, shown, badges, opened } = worker({ windows });
    await push();
    await happen("notificationclick", { notification: shown.get("r") });
    assert.deepEqual(JSON.parse(JSON.stringify(windows.at(-1).told)), [{ pushed: { room: "r", seq: 3 } }]);
    assert.deepEqual([shown.size, badges.at(-1), opened], [0, 0, []]);
  }
});

test("without a window the page is opened at the message; a window that may not be focused is told all the same", async () => {
  const none = worker();
  await none.push();
  await none.happen("notificationclick", { notification: none.shown.get("r") });
  assert.deepEqual(none.opened, ["/m/r-3"]);
  const stubborn = view({ focus: () => Promise.reject(new Error("not allowed")) });
  const one = worker({ windows: [stubborn] });
  await one.push();
  await one.happen("notificationclick", { notification: one.shown.get("r") });
  assert.equal(stubborn.told.length, 1);
});

test("a subscription that the browser replaces is replaced at the server", async () => {
  const old = "https://push.example/old";
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(old));
  const id = Buffer.from(digest).toString("hex").slice(0, 16);
  const { happen, requests, subscribed } = worker({ devices: [{ id, language: "ja", texts: false }] });
  await happen("pushsubscriptionchange", { oldSubscription: { endpoint: old } });
  const sent = { endpoint: "https://push.example/new", keys: { auth: "A" }, language: "ja", texts: false };
  assert.deepEqual(requests.slice(1), [["POST", "/api/v1/push/devices", sent], ["DELETE", `/api/v1/push/devices/${id}`, undefined]]);
  assert.equal(subscribed[0].applicationServerKey, "K");
  for (const other of [worker({ status: 401 }), worker()]) {
    await other.happen("pushsubscriptionchange", { oldSubscription: { endpoint: old } });
    assert.equal(other.requests.length, 1);
  }
});
