/**
 * Shows pushed notices while the page is closed, and opens the page at their messages. Its scope is /push/, where no page
 * is: requests do not pass through it. Of each room the last notice is shown, and each reminder.
 */

const DEVICES = "/api/v1/push/devices";
const ICON = "/static/icons/192.png";
const worker = /** @type {any} */ (self);

worker.addEventListener("install", () => worker.skipWaiting());
worker.addEventListener("push", (event) => event.waitUntil(show(event.data)));
worker.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(Promise.all([open(event.notification.data), badge()]));
});
worker.addEventListener("notificationclose", (event) => event.waitUntil(badge()));
worker.addEventListener("pushsubscriptionchange", (event) => event.waitUntil(renew(event)));

/** Browsers want something shown for every push: one that comes again is shown as it is, without a sound. */
async function show(data) {
  const { title, body, tag, room, seq, url, language } = data.json();
  const [before] = await worker.registration.getNotifications({ tag });
  const isKnown = before && before.data.seq >= seq;
  const text = isKnown ? before : { title, body, data: { room, seq, url } };
  const options = { body: text.body, data: text.data, tag, lang: language, dir: "auto", icon: ICON };
  await worker.registration.showNotification(text.title, { ...options, renotify: !isKnown, silent: isKnown ? true : null });
  await badge();
}

/** The number on the icon of an installed page: of the rooms and reminders that have a notice. */
async function badge() {
  const count = (await worker.registration.getNotifications()).length;
  await navigator.setAppBadge?.(count).catch(() => {});
}

/** In a window that is there, else in a new one. */
async function open({ room, seq, url }) {
  const windows = await worker.clients.matchAll({ type: "window", includeUncontrolled: true });
  const found = windows.find((each) => each.focused) ?? windows.find((each) => each.visibilityState === "visible") ?? windows[0];
  if (!found) return worker.clients.openWindow(url);
  const focused = await found.focus().catch(() => found);
  return focused.postMessage({ pushed: { room, seq } });
}

/** The browser has replaced its subscription: the server gets the new one, with what was chosen for the old one. */
async function renew({ oldSubscription: old, newSubscription }) {
  const answer = await fetch("/api/v1/push");
  if (!answer.ok || !old) return; // nobody is signed in any more
  const { key, devices } = await answer.json();
  const id = await idOf(old.endpoint);
  const chosen = devices.find((each) => each.id === id);
  if (!chosen) return;
  const options = { userVisibleOnly: true, applicationServerKey: key };
  const fresh = newSubscription ?? (await worker.registration.pushManager.subscribe(options));
  const { language, texts } = chosen;
  const { endpoint, keys } = fresh.toJSON();
  const headers = { "Content-Type": "application/json" };
  await fetch(DEVICES, { method: "POST", headers, body: JSON.stringify({ endpoint, keys, language, texts }) });
  await fetch(`${DEVICES}/${id}`, { method: "DELETE" });
}

/** As the server names the device. */
async function idOf(endpoint) {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(endpoint));
  return [...new Uint8Array(digest).subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
