/**
 * Keeps the page's files, so that it opens at once, also without a network. It knows nothing but these files: what
 * people write is never kept here, and other requests do not pass through it.
 *
 * The files of one version are kept together, and those of the version before, since a window that was opened with
 * them may still ask for them. A new version waits until the reader wants it ("take-over"). Reloading a page asks the
 * server first.
 */

const BUILD = ""; // the server puts in a digest of the page; empty: there is nothing to keep
const FILES = []; // and the addresses of its files
const SHELL = "/";
const MESSAGE = /^\/m\/[^/]+$/; // a link to a message opens the page, too
const PREFIX = "page-";
const OWN = PREFIX + BUILD;
const FRESH_MS = 4_000; // a server that takes longer is none, when a page is there
const VERSIONED = /\/static\/[0-9a-f]{16}\//;
const worker = /** @type {any} */ (self); // the compiler knows a page's globals alone

worker.addEventListener("install", (event) => event.waitUntil(BUILD ? keep() : worker.skipWaiting()));
worker.addEventListener("activate", (event) => event.waitUntil(BUILD ? dropOld() : leave()));
worker.addEventListener("message", ({ data, ports }) => {
  if (data === "take-over") void worker.skipWaiting();
  if (data === "build") ports[0].postMessage(BUILD);
});
worker.addEventListener("fetch", (event) => {
  const { request } = event;
  if (!BUILD || request.method !== "GET") return;
  const { origin, pathname } = new URL(request.url);
  const isShell = request.mode === "navigate" && origin === worker.location.origin && (pathname === SHELL || MESSAGE.test(pathname));
  const isReload = request.cache === "no-cache" || request.cache === "reload";
  if (isShell) event.respondWith(isReload ? fresh(request) : kept(SHELL, request));
  else if (VERSIONED.test(pathname)) event.respondWith(kept(request.url, request));
});

/** All or nothing: while a server of another version answers, this one is not installed. */
async function keep() {
  const shell = await fetch(SHELL, { cache: "no-store" });
  const page = await shell.text();
  if (!shell.ok || shell.redirected || !page.includes(BUILD)) throw new Error(`the page is not of ${BUILD}`);
  const headers = new Headers(shell.headers);
  for (const name of ["Link", "Content-Encoding", "Content-Length"]) headers.delete(name); // of that one answer
  const cache = await caches.open(OWN);
  await cache.addAll(FILES.filter(isRead).map((url) => new Request(url, { mode: "cors" })));
  await cache.put(SHELL, new Response(page, { headers }));
}

/** Texts in languages that the reader does not speak are kept when they are chosen; English stands in for all. */
function isRead(url) {
  const language = /\/texts\/([a-z]+)\.js$/.exec(url)?.[1];
  return !language || language === "en" || navigator.languages.some((tag) => tag.toLowerCase().split("-")[0] === language);
}

async function dropOld() {
  const others = (await caches.keys()).filter((name) => name.startsWith(PREFIX) && name !== OWN);
  await Promise.all(others.slice(0, -1).map((name) => caches.delete(name)));
}

/** The server is one for development, or keeps no pages any more. */
async function leave() {
  const names = (await caches.keys()).filter((name) => name.startsWith(PREFIX));
  await Promise.all(names.map((name) => caches.delete(name)));
  await worker.registration.unregister();
}

async function fresh(request) {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), FRESH_MS);
  const answer = await fetch(request, { signal: late.signal }).catch(() => null);
  clearTimeout(timer); // what has begun to arrive may take its time
  return answer?.ok ? answer : kept(SHELL, request);
}

async function kept(url, request) {
  const own = await caches.open(OWN);
  const found = (await own.match(url)) ?? (url === SHELL ? undefined : await caches.match(url));
  if (found) return found;
  const answer = await fetch(request);
  const lasts = answer.ok && /\bimmutable\b/.test(answer.headers.get("Cache-Control") ?? "");
  if (lasts && FILES.includes(url)) await own.put(url, answer.clone());
  return answer;
}
