/** Notices while the page is closed: a part of the settings, and what the page does for them while it is open. */

const LABEL = { en: "While the page is closed", ja: "ページを閉じているとき" };
const TELL_MS = 50_000; // the server's memory of somebody who is there is a little longer

export default function begin(page) {
  let devices = []; // of the reader
  let isHere = false; // this is one of them
  let toldAt = -Infinity;

  async function look() {
    const listed = await page.call("list").catch(() => null); // asked again with the next connection
    if (!listed) return;
    devices = listed.devices;
    isHere = false;
    if (devices.length === 0) return; // nothing more is loaded
    const own = await import("./device.js");
    isHere = await own.isOwn(devices);
    if (isHere) await own.speak(page, devices);
  }

  /** A window that is seen but has not the focus is one that nobody looks at. */
  function isAway() {
    return document.hidden || !document.hasFocus();
  }

  /** The reader does something here: the other devices keep quiet. */
  function onInput() {
    if (devices.length === 0 || isAway() || Date.now() - toldAt < TELL_MS) return;
    toldAt = Date.now();
    page.call("active", { here: true }).catch(() => {});
  }

  function onLeft() {
    if (devices.length === 0 || !isAway() || toldAt === -Infinity) return;
    toldAt = -Infinity;
    page.call("active", { here: false }).catch(() => {});
  }

  /** What was read, here or on another device, needs no notice any more. */
  async function onRead({ room }) {
    if (!isHere) return;
    const found = await (await import("./device.js")).registration();
    for (const notice of (await found?.getNotifications({ tag: room })) ?? []) notice.close();
    if (found) await navigator.setAppBadge?.((await found.getNotifications()).length).catch(() => {});
  }

  page.hear("changed", look);
  page.onRead(onRead);
  for (const kind of ["pointerdown", "keydown", "wheel", "touchstart"]) document.addEventListener(kind, onInput, { passive: true, capture: true });
  document.addEventListener("visibilitychange", onLeft);
  window.addEventListener("blur", onLeft);
  navigator.serviceWorker?.addEventListener("message", ({ data }) => {
    if (data?.pushed) page.show(data.pushed.room, data.pushed.seq);
  });
  navigator.serviceWorker?.startMessages();
  // One notice of a message is enough: where it is pushed, the page itself shows none on the desktop.
  page.place("notifications/v1", { id: "pushed", filter: ({ message }) => (message && isHere && isAway() ? false : undefined) });
  page.place("notifications.parts/v1", {
    id: "devices",
    label: () => page.said(LABEL),
    mount: async (element) => (await import("./settings.js")).show(page, element),
  });
}
