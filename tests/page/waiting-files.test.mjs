import assert from "node:assert/strict";
import { test } from "node:test";
import { Places } from "../../static/lib/places.js";
import { uploadWaiting } from "../../static/lib/waiting-files.js";

const file = new Blob(["x"]);
const places = (upload) => {
  const made = new Places();
  made.put("files", "composer.files/v1", { id: "upload", take() {}, upload });
  return made;
};
const failing = (fields) => places(() => Promise.reject(Object.assign(new Error("no"), fields)));

test("the plugin that attached a file makes its value", async () => {
  const upload = async (given) => ({ size: given.size });
  assert.deepEqual(await uploadWaiting(places(upload), { namespace: "files", file }), { size: 1 });
});

test("what the person said of it is in the value", async () => {
  const made = new Places();
  made.put("files", "composer.files/v1", { id: "upload", take() {}, upload: async () => ({ n: 1 }), describe: (value, alt) => ({ ...value, alt }) });
  assert.deepEqual(await uploadWaiting(made, { namespace: "files", file, alt: "a heron" }), { n: 1, alt: "a heron" });
  assert.deepEqual(await uploadWaiting(made, { namespace: "files", file, alt: "" }), { n: 1 });
  const upload = async () => 1;
  assert.equal(await uploadWaiting(places(upload), { namespace: "files", file, alt: "a heron" }), 1);
});

test("without the plugin it waits, without the file it is refused", async () => {
  await assert.rejects(uploadWaiting(places(undefined), { namespace: "files", file }), { code: "plugin.absent", retry: "later" });
  await assert.rejects(uploadWaiting(new Places(), { namespace: "files", file }), { code: "plugin.absent", retry: "later" });
  await assert.rejects(uploadWaiting(places(async () => 1), { namespace: "files", file: {} }), { code: "blob.not_found", retry: "never" });
});

test("what passes is tried again, what is refused says why", async () => {
  for (const passing of [{ status: 0, code: "connection.lost" }, { status: 503, code: "blob.unavailable" }, {}])
    await assert.rejects(uploadWaiting(failing(passing), { namespace: "files", file }), { code: "blob.unavailable", retry: "later" });
  const refusal = { status: 413, code: "blob.too_large", detail: { most: 5 } };
  await assert.rejects(uploadWaiting(failing(refusal), { namespace: "files", file }), { code: "blob.too_large", retry: "never", detail: { most: 5 } });
});
