/** Files into messages: a button beside the text, and files that are dropped or pasted. They are uploaded by tus. */

import { sizeText } from "./attachments.js";

const CLIP = "M20 11l-8.500 8.500a5 5 0 0 1-7-7L13 4a3.500 3.500 0 0 1 5 5l-8.500 8.500a2 2 0 0 1-3-3L14 7";
const uploads = new WeakMap(); // by file, `{done, stop, tell}`, under way or done
const LATER_MS = 3_000; // the first messages do not wait for it, and later there may be no network

async function tus() {
  try {
    return await import("./tus.js");
  } catch (error) {
    throw Object.assign(error, { status: 0, code: "connection.lost" });
  }
}

export default function begin(page) {
  setTimeout(() => void tus().catch(() => {}), LATER_MS);
  page.texts({ en: { upload: "Attach files" }, ja: { upload: "ファイルを添付" } });
  page.place("composer.buttons/v1", {
    id: "upload",
    label: () => page.t("upload"),
    icon: CLIP,
    run: ({ attach }) => choose((files) => attachAll(page, attach, files)),
  });
  page.place("composer.files/v1", {
    id: "upload",
    take: ({ files, attach }) => attachAll(page, attach, files),
    describe: ({ files: [file] }, alt) => ({ files: [{ ...file, alt }] }),
    upload: async (file, how) => valueOf(await uploaded(file, how)),
  });
}

function choose(then) {
  const input = Object.assign(document.createElement("input"), { type: "file", multiple: true, hidden: true });
  const done = new Promise((resolve, reject) => {
    input.addEventListener("cancel", resolve);
    input.addEventListener("change", () => {
      try {
        resolve(then([...input.files]));
      } catch (error) {
        reject(error);
      }
    });
  });
  document.body.append(input);
  input.click();
  return done.finally(() => input.remove());
}

function attachAll(page, attach, files) {
  try {
    for (const file of files) attachOne(page, attach, file);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    void tus().then(({ tellFull }) => tellFull(page));
  }
}

/** A chip that shows how far the upload is; taking it away ends the upload, or removes the file. */
function attachOne(page, attach, file) {
  const name = file.name || "file";
  const stop = new AbortController();
  let id = null;
  const removed = async () => {
    uploads.delete(file);
    if (id) await (await tus()).remove(id);
    else stop.abort();
  };
  const chip = attach("attachments", null, { label: `${name} (${sizeText(page, file.size)})`, removed, file, alt: file.type.startsWith("image/") ? "" : null });
  const start = async () => {
    chip.change({ progress: 0 });
    try {
      id = await uploaded(file, { signal: stop.signal, onprogress: (progress) => chip.change({ progress }) });
      chip.change({ value: valueOf(id), label: name });
    } catch (error) {
      const shown = await tus().then(({ explained }) => explained(page, error), () => error);
      if (!stop.signal.aborted) chip.fail(shown, () => void start());
    }
  };
  void start();
}

/** The id of the uploaded file. A message that is sent meanwhile takes over the upload that its chip began. */
function uploaded(file, { signal, onprogress }) {
  const upload = uploads.get(file) ?? begun(file);
  upload.tell = onprogress;
  signal.addEventListener("abort", () => upload.stop.abort());
  return upload.done;
}

function begun(file) {
  const upload = { stop: new AbortController(), tell: null, done: null };
  const how = { signal: upload.stop.signal, onprogress: (progress) => upload.tell(progress) };
  upload.done = tus().then((module) => module.upload(file, how));
  upload.done.catch(() => uploads.delete(file)); // the next try is a new one
  uploads.set(file, upload);
  return upload;
}

/** What a message carries of an uploaded file. */
function valueOf(blob) {
  return { files: [{ blob }] };
}
