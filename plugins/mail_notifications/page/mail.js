/** Mails about messages: a part of the settings, and a word to the server now and then that the reader is here. */

const LABEL = { en: "By e-mail", ja: "メールでの通知" };
const TELL_MS = 120_000; // a mail waits for many minutes since

export default function begin(page) {
  let isMailed = false; // there is an address, and mails are wanted
  let toldAt = -Infinity;
  let takeAway = null;

  async function look() {
    const state = await page.call("get").catch(() => null); // asked again with the next connection
    if (!state) return;
    isMailed = state.available && state.email !== null && state.when.split(" ")[0] !== "off";
    if (state.available) takeAway ??= page.place("notifications.parts/v1", part(page));
    else {
      takeAway?.();
      takeAway = null;
    }
  }

  function onInput() {
    if (!isMailed || document.hidden || Date.now() - toldAt < TELL_MS) return;
    toldAt = Date.now();
    const tell = async () => {
      const { noted } = await page.call("active", { zone: Intl.DateTimeFormat().resolvedOptions().timeZone ?? "" });
      isMailed = noted;
    };
    tell().catch(() => {});
  }

  page.hear("changed", look);
  for (const kind of ["pointerdown", "keydown", "wheel", "touchstart"]) document.addEventListener(kind, onInput, { passive: true, capture: true });
}

function part(page) {
  return {
    id: "mails",
    label: () => page.said(LABEL),
    mount: async (element) => (await import("./settings.js")).show(page, element),
  };
}
