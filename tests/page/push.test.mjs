import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

const ENDPOINT = "https://push.example/1";
const ID = Buffer.from(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(ENDPOINT))).toString("hex").slice(0, 16);

let calls, closed, documents, events, focused, hidden, listed, notices, page, places, requests, shown, subscription;

/** What `begin` of the module gets, and the browser around it. */
beforeEach(() => {
  [calls, closed, requests, shown] = [[], [], [], []];
  [events, places] = [{}, {}];
  [focused, hidden, listed] = [true, false, []];
  documents = {};
  notices = [{ tag: "r" }, { tag: "other" }].map((notice) => ({ ...notice, close: () => closed.push(notice.tag) }));
  subscription = { endpoint: ENDPOINT, toJSON: () => ({ endpoint: ENDPOINT, keys: { auth: "A" } }) };
  const registration = {
    scope: "https://chat.example/push/",
    getNotifications: async ({ tag } = {}) => notices.filter((each) => (!tag || each.tag === tag) && !closed.includes(each.tag)),
    pushManager: { getSubscription: async () => subscription },
  };
  const serviceWorker = { getRegistration: async () => registration, addEventListener: (type, listener) => (events[type] = listener), startMessages() {} };
  const badges = [];
  Object.defineProperty(globalThis, "navigator", { value: { serviceWorker, setAppBadge: async (count) => void badges.push(count), badges }, configurable: true });
  globalThis.document = { get hidden() { return hidden; }, hasFocus: () => focused, addEventListener: (type, listener) => (documents[type] = listener) };
  globalThis.window = { addEventListener: (type, listener) => (documents[type] = listener) };
  page = {
    call: async (name, fields) => (name === "list" ? { devices: listed } : void calls.push([name, fields])),
    request: async (method, path, body) => void requests.push([method, path, body]),
    language: () => "ja",
    said: (text) => text.en,
    hear: (name, listener) => (events[name] = listener),
    onRead: (listener) => (events.read = listener),
    show: (...place) => shown.push(place),
    place: (place, item) => (places[place] = item),
  };
});

const { default: begin } = await import("../../plugins/push/page/push.js");

async function begun(devices = []) {
  listed = devices;
  begin(page);
  await events.changed({ missed: true });
}

test("the server hears once a minute that somebody is here, and that the page is put away", async (context) => {
  context.mock.timers.enable({ apis: ["Date"], now: 1_000_000 });
  await begun([{ id: "phone", language: "ja", texts: true }]);
  documents.keydown();
  documents.pointerdown();
  context.mock.timers.tick(50_000);
  documents.keydown();
  hidden = true;
  documents.visibilitychange();
  documents.visibilitychange();
  documents.keydown();
  assert.deepEqual(calls, [["active", { here: true }], ["active", { here: true }], ["active", { here: false }]]);
});

test("a window that loses the focus is put away, also where it can still be seen", async () => {
  await begun([{ id: ID, language: "ja", texts: true }]);
  documents.keydown();
  documents.blur(); // to a frame within the page
  assert.deepEqual(calls, [["active", { here: true }]]);
  focused = false;
  documents.blur();
  documents.wheel();
  assert.deepEqual(calls, [["active", { here: true }], ["active", { here: false }]]);
  assert.equal(places["notifications/v1"].filter({ message: {} }), false);
});

test("somebody without devices costs nothing", async () => {
  await begun();
  documents.keydown();
  hidden = true;
  documents.visibilitychange();
  assert.deepEqual(calls, []);
});

test("what is pushed here is not shown by the page as well, but while it is looked at, and notices of plugins", async () => {
  await begun([{ id: ID, language: "ja", texts: true }]);
  const { filter } = places["notifications/v1"];
  assert.equal(filter({ message: {} }), undefined);
  hidden = true;
  assert.equal(filter({ message: {} }), false);
  assert.equal(filter({ message: null }), undefined);
  await begun([{ id: "phone", language: "ja", texts: true }]);
  assert.equal(places["notifications/v1"].filter({ message: {} }), undefined);
});

test("notices of a room that was read go, and the badge with them", async () => {
  await begun([{ id: ID, language: "ja", texts: true }]);
  await events.read({ room: "r" });
  assert.deepEqual([closed, navigator.badges], [["r"], [1]]);
});

test("the server is told of another language of the page", async () => {
  await begun([{ id: ID, language: "en", texts: false }]);
  const body = { endpoint: ENDPOINT, keys: { auth: "A" }, language: "ja", texts: false };
  assert.deepEqual(requests, [["POST", "/api/v1/push/devices", body]]);
});

test("a click on a notice shows its message; other words of workers do nothing", async () => {
  await begun();
  events.message({ data: { pushed: { room: "r", seq: 3 } } });
  events.message({ data: "take-over" });
  events.message({ data: null });
  assert.deepEqual(shown, [["r", 3]]);
});

