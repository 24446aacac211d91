/** Files into messages: a button beside the text, and files that are dropped or pasted. They are uploaded by tus. */

import { sizeText } from "./attachments.js";

const CLIP = "M20 11l-8.500 8.500a5 5 0 0 1-7-7L13 4a3.500 3.500 0 0 1 5 5l-8.500 8.500a2 2 0 0 1-3-3L14 7";
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
    upload: async (file) => valueOf(await (await tus()).upload(file, { signal: new AbortController().signal })),
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
  for (const file of files) attachOne(page, attach, file);
}

/** A chip that shows how far the upload is; taking it away ends the upload, or removes the file. */
function attachOne(page, attach, file) {
  const name = file.name || "file";
  const stop = new AbortController();
  let uploaded = null;
  const removed = async () => (uploaded ? (await tus()).remove(uploaded) : stop.abort());
  const chip = attach("attachments", null, { label: `${name} (${sizeText(page, file.size)})`, removed, file, alt: file.type.startsWith("image/") ? "" : null });
  const start = async () => {
    chip.change({ progress: 0 });
    try {
      const { upload } = await tus();
      uploaded = await upload(file, { signal: stop.signal, onprogress: (progress) => chip.change({ progress }) });
      chip.change({ value: valueOf(uploaded), label: name });
    } catch (error) {
      if (!stop.signal.aborted) chip.fail(error, () => void start());
    }
  };
  void start();
}

/** What a message carries of an uploaded file. */
function valueOf(blob) {
  return { files: [{ blob }] };
}
