/** Puts the page together: language, who is signed in, and which of the two faces is shown. */

import "./appearance.js";
import { AccountPreferences, COPY } from "./lib/account-preferences.js";
import { Api, PASSING } from "./lib/api.js";
import { chosenAppearance } from "./lib/appearance.js";
import { DEVICE, storage } from "./lib/device.js";
import { h, showAppearance } from "./lib/dom.js";
import { currentLanguage, directionOf, errorText, learnEnglish, startLanguage, t } from "./lib/i18n.js";
import { Keeping } from "./lib/keeping.js";
import { Kept } from "./lib/kept.js";
import { Linked } from "./lib/links.js";
import { Notices } from "./lib/notices.js";
import { Places } from "./lib/places.js";
import { Plugins } from "./lib/plugins.js";
import { Records } from "./lib/records.js";
import { RoomsStore } from "./lib/rooms-store.js";
import { Session } from "./lib/session.js";
import { SharedConnection } from "./lib/shared-connection.js";
import { Connection } from "./lib/socket.js";
import { Tabs } from "./lib/tabs.js";
import "./elements/chat-app.js";
import { loaded } from "./elements/loaded.js";

const api = new Api();
const store = new RoomsStore();
const tabs = new Tabs();
const url = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`;
const connection = new SharedConnection({ connection: new Connection({ url }), tabs });
const device = storage("localStorage");
const tab = storage("sessionStorage");
const records = new Records({ tab, browser: device });
const account = new AccountPreferences({ connection, storage: device });
const places = new Places();
const upload = async (attachment, how) => {
  const { uploadWaiting } = await import("./lib/waiting-files.js").catch(() => {
    throw Object.assign(new Error(), { code: "connection.lost", retry: "later" });
  });
  return uploadWaiting(places, attachment, how);
};
const session = new Session({ api, connection, store, records, tabs, upload, account, storage: device });
const kept = new Kept();
const keeping = new Keeping({ kept, store, epoch: () => session.epoch });
const notices = new Notices({ places, store, storage: device, account });
const plugins = new Plugins({ places, api, connection, session, store, styles: document.head, notices });
const PARTS_MS = 3_000; // all clients learn of a change of plugins at once, and ask one after the other
const KEEPING_MS = 3_000; // after the start, whose network the files that are kept do not share
const SOON_MS = 1_000; // for parts of plugins that did not come, doubled each time
const AGAIN_MS = 60_000; // for what is loaded behind the page, and did not come
const ASK_AGAIN_MS = 3_000; // of a server that did not say who is signed in
/** @type {{check: () => void} | null} */
let updates = null;
const root = document.querySelector("#root");
let notice = "";
let emailCode = "";
let languageChosen = false; // since the page was loaded, where nobody was signed in
let deviceLanguage = device?.getItem(DEVICE.language);
/** @type {Record<string, string | undefined>} */
let waiting = atStart();
const linked = new Linked({ address: location.href, origin: location.origin, tab, comesBack: Boolean(waiting["data-login"]) });
if (linked.id) history.replaceState(null, "", `/${location.hash}`);
/** @type {ReturnType<typeof setTimeout> | undefined} */
let partsAgain;
let partsFailed = 0; // times in a row
const worker = navigator.serviceWorker?.controller ?? null; // that this page was loaded by

/**
 * What the address says behind `#`: a sign-in that goes on here, an invitation, a new password, an e-mail address to
 * confirm. None stays there.
 */
function atStart() {
  const { login, invite, reset, email } = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
  if (login || invite || reset || email) history.replaceState(null, "", location.pathname);
  emailCode = email ?? "";
  return { "data-login": login, "data-invite": invite, "data-reset": reset };
}

async function show() {
  if (!store.me) {
    await Promise.all([loaded(import("./elements/sign-in.js")), learnEnglish()]);
    if (store.me) return; // signed in meanwhile
  }
  document.documentElement.lang = currentLanguage();
  document.documentElement.dir = directionOf(currentLanguage());
  root.replaceChildren(store.me ? h("chat-app", { session, store, connection, places, api, notices, linked }) : h("sign-in", { api, "data-notice": notice, ...waiting }));
  waiting = {};
}

function signedIn(user) {
  notice = "";
  if (languageChosen) account.offer("language", deviceLanguage);
  languageChosen = false;
  session.start(user);
  keeping.start(user);
  void plugins.meet(user);
  void show();
}

root.addEventListener("signed-in", ({ detail }) => signedIn(detail.user), { capture: true });
window.addEventListener("pagehide", leaving);
window.addEventListener("beforeunload", (event) => session.outbox.unsafe > 0 && event.preventDefault());
root.addEventListener("language-chosen", ({ detail }) => choose(detail.language));
account.addEventListener("change", () => void follow());
window.addEventListener("storage", ({ key }) => (key === null || key === COPY) && account.reread());
session.addEventListener("message", ({ detail }) => void notices.message(detail));
session.addEventListener("signed-out", ({ detail }) => {
  void keeping.stop();
  notice = detail.reason === "expired" ? t("signedOut.expired") : "";
  history.replaceState(null, "", location.pathname);
  document.title = t("app.name");
  void show();
  if (detail.redirect) location.assign(detail.redirect);
});

/** A language, of the reader or, where nobody is signed in, of this device. */
function choose(language) {
  if (store.me) {
    account.set({ language });
    return;
  }
  deviceLanguage = language;
  languageChosen = true;
  try {
    device?.setItem(DEVICE.language, language);
  } catch {
    // It counts until the page is closed.
  }
  void follow();
}

/** Shows the page as its reader prefers it now. */
async function follow() {
  showAppearance(chosenAppearance(account));
  const before = currentLanguage();
  await startLanguage([account.get("language"), deviceLanguage], navigator.languages);
  if (currentLanguage() !== before && root.firstChild) await show();
}

places.addEventListener("change", ({ detail }) => detail.place === "composer.files/v1" && session.outbox.flush());
places.addEventListener("change", ({ detail }) => detail.place === "avatars/v1" && import("./elements/avatar-pictures.js").then((part) => part.drawPictures(places), () => {}));
session.addEventListener("plugins", () => setTimeout(loadParts, Math.random() * PARTS_MS));

function loadParts() {
  clearTimeout(partsAgain);
  partsAgain = undefined;
  api.pageParts().then((parts) => {
    partsFailed = 0;
    return plugins.load(parts);
  }, (error) => {
    if (PASSING.has(error.status)) partsAgain = setTimeout(loadParts, Math.min(SOON_MS * 2 ** partsFailed++, AGAIN_MS) * (1 + Math.random()));
    else console.error("plugins:", error);
  });
}

/** Without a network what was read is there at once; who reads is known when the server has said so. */
async function confirmUser(asking) {
  const shown = store.me?.id;
  const user = await asking;
  if (store.me?.id !== shown) return; // somebody has signed in or out since
  if (user && user.id === store.me?.id) {
    session.renamed(user);
    keeping.start(user);
    void plugins.meet(user);
  } else if (user) signedIn(user);
  else if (store.me) session.expire();
  else {
    void keeping.stop();
    account.end();
    void show();
  }
}

/** Without an answer the sign-in is shown, and gives way when the server says who is signed in. */
function askAgain() {
  setTimeout(async () => {
    if (store.me) return;
    const user = await api.me().catch(askAgain);
    if (user && !store.me) signedIn(user);
  }, ASK_AGAIN_MS * (1 + Math.random()));
}

function onReady() {
  updates?.check();
  if (partsAgain) loadParts();
  if (!keeping.isOn) confirmUser(api.me()).catch(() => {}); // asked again when the connection is back
}

function followUpdates() {
  import("./elements/update-line.js").then(
    (part) => {
      updates = part.followUpdates(document.querySelector("meta[name=build]")?.content, worker);
    },
    () => setTimeout(followUpdates, AGAIN_MS),
  );
}

/** Says whether a link for an e-mail address counted. */
async function confirmEmail(code) {
  const outcome = await api.confirmEmail(code).then(() => null, (error) => error);
  (await loaded(import("./elements/email-confirmed.js")))?.tellConfirmed(outcome);
}

/** The window is put away, or closed in a moment. */
function leaving() {
  session.drafts.leaving();
  session.outbox.leaving();
  void account.flush();
  void keeping.flush();
}

// A link for a new password counts, whoever is signed in here.
const asked = waiting["data-reset"] ? Promise.resolve(null) : api.me();
asked.catch(() => {}); // until it is awaited
const [, before] = await Promise.all([startLanguage([account.get("language"), deviceLanguage], navigator.languages), waiting["data-reset"] ? null : kept.read()]);
loadParts();
if (emailCode) void confirmEmail(emailCode);
session.addEventListener("ready", onReady);
document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && leaving());
if (before) {
  session.start(before.me, before);
  void show();
}
try {
  await confirmUser(asked);
  // The server said with the page that it would be asked: the answer is here before the connection is. A browser that has
  // asked complains of an answer that nobody takes.
  if (store.me) session.showListed(api.rooms()).catch(() => {});
} catch (error) {
  if (!before) {
    notice = errorText(error);
    void show();
    askAgain();
  }
}
setTimeout(() => void learnEnglish(), KEEPING_MS);
setTimeout(followUpdates, KEEPING_MS);
