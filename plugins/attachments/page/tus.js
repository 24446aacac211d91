/** Uploads by the tus protocol 1.0 (https://tus.io/protocols/resumable-upload), part by part. */

const ADDRESS = "/api/v1/uploads";
const PART = 1_000_000; // bytes in one request: as much as proxies usually let through
const TRIES = 6; // without any progress
const PAUSE_MS = 1_000;
const PASSING = new Set([0, 409, 423, 429, 500, 502, 503, 504]); // statuses after which one goes on from the offset

/** The id of the uploaded file. Rejects with an error that has a `code`; an end by `signal` removes the upload. */
export async function upload(file, { signal, onprogress = () => {} }) {
  const headers = { "Upload-Length": String(file.size), "Upload-Metadata": metadata(file) };
  const made = await ask("POST", ADDRESS, { headers, signal });
  const place = new URL(made.headers.get("Location"), location.href).pathname;
  try {
    await send(file, place, { signal, onprogress });
  } catch (error) {
    await remove(place.split("/").pop());
    throw error;
  }
  return place.split("/").pop();
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
