/** This browser as a device to which notices are pushed: its subscription, and whether it may have one. */

const WORKER = "/push/worker.js";
const SCOPE = "/push/";

/** "missing" where there is none, "install" where the page has to be on the home screen first, "denied", or "there". */
export function support() {
  const isThere = "serviceWorker" in navigator && "PushManager" in globalThis && "Notification" in globalThis;
  if (isThere) return Notification.permission === "denied" ? "denied" : "there";
  const isApple = /\b(iPhone|iPad|iPod)\b/.test(navigator.userAgent) || (navigator.platform === "MacIntel" && navigator.maxTouchPoints > 1);
  return isApple && !matchMedia("(display-mode: standalone)").matches ? "install" : "missing";
}

/** The worker's registration, if it has one. */
export async function registration() {
  const found = await navigator.serviceWorker?.getRegistration(SCOPE).catch(() => undefined);
  return found?.scope.endsWith(SCOPE) ? found : undefined;
}

/** The id by which the server knows this browser; null if it has no subscription. */
export async function ownId() {
  const subscription = await (await registration())?.pushManager?.getSubscription();
  return subscription ? idOf(subscription.endpoint) : null;
}

/** Whether this browser is among the devices. */
export async function isOwn(devices) {
  if (devices.length === 0) return false;
  const id = await ownId();
  return id !== null && devices.some((device) => device.id === id);
}

/** In answer to a click: asks for permission, subscribes, and tells the server. Whether notices are pushed from now on. */
export async function switchOn(page, key, texts) {
  if ((await Notification.requestPermission()) !== "granted") return false;
  const found = await navigator.serviceWorker.register(WORKER, { scope: SCOPE });
  await active(found);
  await tell(page, await subscribed(found.pushManager, key), texts);
  return true;
}

/** Ends the subscription, here and at the server. */
export async function switchOff(page) {
  const subscription = await (await registration())?.pushManager.getSubscription();
  if (!subscription) return;
  await page.request("DELETE", `/api/v1/push/devices/${await idOf(subscription.endpoint)}`);
  await subscription.unsubscribe();
}

/** Says whether notices of this device tell texts. */
export async function chooseTexts(page, texts) {
  const subscription = await (await registration())?.pushManager.getSubscription();
  if (subscription) await tell(page, subscription, texts);
}

/** Has the notices of this device in the language that the page has now. */
export async function speak(page, devices) {
  const id = await ownId();
  const device = devices.find((each) => each.id === id);
  if (device && device.language !== page.language()) await chooseTexts(page, device.texts);
}

async function tell(page, subscription, texts) {
  const { endpoint, keys } = subscription.toJSON();
  await page.request("POST", "/api/v1/push/devices", { endpoint, keys, language: page.language(), texts });
}

/** A subscription with this key: one that was made for another server's key is ended. */
async function subscribed(manager, key) {
  const options = { userVisibleOnly: true, applicationServerKey: key };
  const before = await manager.getSubscription();
  if (before && sameKey(before.options.applicationServerKey, key)) return before;
  await before?.unsubscribe();
  return manager.subscribe(options);
}

function sameKey(buffer, key) {
  const text = btoa(String.fromCharCode(...new Uint8Array(buffer ?? [])));
  return text.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "") === key;
}

function active(found) {
  if (found.active) return undefined;
  const next = found.installing ?? found.waiting;
  return new Promise((resolve, reject) => {
    next.addEventListener("statechange", () => {
      if (next.state === "activated") resolve();
      if (next.state === "redundant") reject(new Error("the worker was not installed"));
    });
  });
}

async function idOf(endpoint) {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(endpoint));
  return [...new Uint8Array(digest).subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
