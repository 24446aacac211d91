/** Uploads by the tus protocol 1.0 (https://tus.io/protocols/resumable-upload), part by part. */

import { sizeText } from "./attachments.js";

const ADDRESS = "/api/v1/uploads";
const PART = 1_000_000; // bytes in one request: as much as proxies usually let through
const TRIES = 6; // without any progress
const PAUSE_MS = 1_000;
const AT_ONCE = 3; // uploads; fewer than the server lets a user have, as other devices have some, too
const PASSING = new Set([0, 409, 423, 429, 500, 502, 503, 504]); // statuses after which one goes on from the offset

const TEXTS = {
  en: {
    full: "A message holds at most 10 files. The others were not attached.",
    large: "A file may have at most {size}.",
    space: "There is no space left for your files: they may have {size} in all.",
  },
  ja: {
    full: "1 つのメッセージに添付できるファイルは 10 個までです。残りは添付されていません。",
    large: "添付できるファイルの大きさは {size} までです。",
    space: "ファイルの保存容量の上限（合計 {size}）に達しました。",
  },
};
const BOUNDS = { "blob.too_large": "large", "limit.space": "space" };
let underWay = 0;
const waiting = []; // what begins the next ones, in their order
const unfinished = new Set(); // addresses of uploads

// The page that comes next begins them anew; those that stay count as under way for an hour.
globalThis.addEventListener?.("pagehide", ({ persisted }) => {
  if (!persisted) for (const place of unfinished) ask("DELETE", place, { keepalive: true }).catch(() => {});
});

/**
 * The id of the uploaded file. Rejects with an error that has a `code`; an end by `signal` removes the upload. Of many
 * files each waits for its turn.
 */
export async function upload(file, options) {
  if (underWay >= AT_ONCE) await new Promise((resolve) => waiting.push(resolve));
  else underWay += 1;
  try {
    return await uploadNow(file, options);
  } finally {
    if (waiting.length) waiting.shift()();
    else underWay -= 1;
  }
}

async function uploadNow(file, { signal, onprogress = () => {} }) {
  const made = await begun(file, signal);
  const place = new URL(made.headers.get("Location"), location.href).pathname;
  unfinished.add(place);
  try {
    await send(file, place, { signal, onprogress });
  } catch (error) {
    await remove(place.split("/").pop());
    throw error;
  } finally {
    unfinished.delete(place);
  }
  return place.split("/").pop();
}

/** If other devices have as many uploads under way as the server allows, one waits for them. */
async function begun(file, signal) {
  const headers = { "Upload-Length": String(file.size), "Upload-Metadata": metadata(file) };
  for (let tries = 1; ; tries += 1) {
    try {
      return await ask("POST", ADDRESS, { headers, signal });
    } catch (error) {
      if (signal.aborted || error.status !== 429 || tries > TRIES) throw error;
      await pause(PAUSE_MS * tries, signal);
    }
  }
}

/** Say that a message takes no more. */
export function tellFull(page) {
  page.texts(TEXTS);
  page.tellDone(page.t("full"));
}

/** The error, with a text that has the bound if the server has said which. */
export function explained(page, error) {
  const most = error.detail?.most_bytes;
  const text = most && BOUNDS[error.code];
  if (!text) return error;
  page.texts(TEXTS);
  return { ...error, detail: { texts: { [page.language()]: page.t(text, { size: sizeText(page, most) }) } } };
}

/** Remove what was uploaded. If that fails, the server does it by itself, later. */
export async function remove(id) {
  await ask("DELETE", `${ADDRESS}/${id}`).catch(() => {});
}

/** An offset at the end is not the end of it: the server looks at the file then, which may have failed for now. */
async function send(file, place, { signal, onprogress }) {
  let offset = 0;
  let tries = 0;
  let isDone = file.size === 0;
  while (!isDone) {
    try {
      const headers = { "Upload-Offset": String(offset), "Content-Type": "application/offset+octet-stream" };
      const answer = await ask("PATCH", place, { headers, signal, body: file.slice(offset, offset + PART) });
      offset = offsetOf(answer);
      isDone = offset >= file.size;
      tries = 0;
    } catch (error) {
      tries += 1;
      if (signal.aborted || !PASSING.has(error.status) || tries > TRIES) throw error;
      await pause(PAUSE_MS * tries, signal);
      offset = await ask("HEAD", place, { signal }).then(offsetOf, () => offset);
    }
    onprogress(offset / file.size);
  }
}

function offsetOf(answer) {
  return Number(answer.headers.get("Upload-Offset"));
}

async function ask(method, path, { headers = {}, ...more } = {}) {
  let answer;
  try {
    answer = await fetch(path, { method, credentials: "same-origin", headers: { "Tus-Resumable": "1.0.0", ...headers }, ...more });
  } catch (error) {
    throw Object.assign(error, { status: 0, code: "connection.lost" });
  }
  if (answer.ok) return answer;
  const { error = {} } = await answer.json().catch(() => ({}));
  const { code = `http.${answer.status}`, message = answer.statusText, detail } = error;
  throw Object.assign(new Error(message), { status: answer.status, code, detail });
}

function pause(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}

/** Pairs of a key and a text in base64, as the header wants it. */
function metadata({ name, type }) {
  const encoded = (text) => btoa(String.fromCharCode(...new TextEncoder().encode(text.slice(0, 250))));
  return [name && `filename ${encoded(name)}`, type && `filetype ${encoded(type)}`].filter(Boolean).join(",");
}
