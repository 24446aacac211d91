import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { Attached, dataOf, described, MOST } from "../../static/lib/attached.js";
import { Places } from "../../static/lib/places.js";

let attached, changes;
beforeEach(() => {
  attached = new Attached();
  changes = 0;
  attached.addEventListener("change", () => (changes += 1));
});

test("values of a namespace are merged: lists are joined, other fields replaced", () => {
  attached.add("files", { files: [1], note: "a" }, { label: "one" });
  attached.add("files", { files: [2, 3], note: "b" }, { label: "two" });
  attached.add("poll", 5, { label: "poll" });
  const taken = attached.take();
  assert.deepEqual(dataOf(taken), { files: { files: [1, 2, 3], note: "b" }, poll: 5 });
  assert.deepEqual(attached.items, []);
  assert.deepEqual(taken.map(({ label }) => label), ["one", "two", "poll"]);
  assert.doesNotThrow(() => JSON.stringify(taken));
});

test("one without a value is waited for, and may fail and be tried again", () => {
  const chip = attached.add("files", null, { label: "a" });
  assert.ok(attached.isWaiting);
  chip.change({ progress: 0.5 });
  assert.equal(attached.items[0].progress, 0.5);
  chip.fail(new Error("no"), () => {});
  assert.ok(attached.isWaiting && attached.items[0].again);
  chip.change({ value: { files: [1] }, label: "b" });
  assert.ok(!attached.isWaiting);
  assert.deepEqual([attached.items[0].label, attached.items[0].error], ["b", null]);
  assert.equal(changes, 4);
});

test("only the person's removal is told, and that of everything", () => {
  const removed = [];
  const add = (name) => attached.add("x", 1, { label: name, removed: () => removed.push(name) });
  add("a").remove();
  add("b");
  attached.remove(attached.items[0]);
  add("c");
  attached.take();
  add("d");
  add("e");
  attached.clear();
  assert.deepEqual(removed, ["b", "d", "e"]);
});

test("what a plugin changes later is not changed here", () => {
  const value = { files: [1] };
  attached.add("x", value, { label: "a" });
  value.files.push(2);
  assert.deepEqual(dataOf(attached.take()), { x: { files: [1] } });
});

test("there is a bound, and a label is needed", () => {
  assert.throws(() => attached.add("x", 1, {}), /label has to be a string/);
  assert.throws(() => attached.add("", 1, { label: "a" }), /namespace/);
  for (let n = 0; n < MOST; n += 1) attached.add("x", 1, { label: "a" });
  assert.throws(() => attached.add("x", 1, { label: "a" }), RangeError);
});

test("a file is waited for only if it was refused, and goes with the message", () => {
  const file = new Blob(["x"]);
  const chip = attached.add("files", null, { label: "a", file });
  assert.deepEqual([attached.isWaiting, attached.isUploading], [false, true]);
  chip.fail(Object.assign(new Error("no"), { code: "limit.space" }));
  assert.deepEqual([attached.isWaiting, attached.isUploading], [true, false]);
  chip.fail(Object.assign(new Error("no"), { code: "connection.lost" }));
  assert.deepEqual([attached.isWaiting, attached.isUploading], [false, false]);
  attached.add("files", null, { label: "b" }).fail(Object.assign(new Error("no"), { code: "connection.lost" }));
  assert.ok(attached.isWaiting);
  attached.remove(attached.items[1]);
  attached.add("files", { files: [1] }, { label: "c", file });
  assert.ok(!attached.isReady);
  const outlines = [
    { namespace: "files", value: null, label: "a", file },
    { namespace: "files", value: { files: [1] }, label: "c" },
  ];
  assert.deepEqual(attached.kept, outlines);
  assert.deepEqual(attached.take(), outlines);
  attached.add("files", null, { label: "d", file, isLater: true });
  assert.deepEqual([attached.isWaiting, attached.isReady, attached.isUploading], [false, false, false]);
});

const taking = (describe) => {
  const places = new Places();
  places.put("files", "composer.files/v1", { id: "upload", take() {}, describe });
  return places;
};

test("a description is kept with its picture, and is in the value when the message is sent", () => {
  const file = new Blob(["x"]);
  attached.add("files", { files: [{ blob: "a" }] }, { label: "a", alt: "" });
  attached.add("files", null, { label: "b", file, alt: "" });
  attached.add("files", { files: [{ blob: "c" }] }, { label: "c" });
  changes = 0;
  for (const item of attached.items.slice(0, 2)) attached.describe(item, `a ${item.label}`);
  assert.equal(changes, 2);
  const outlines = [
    { namespace: "files", value: { files: [{ blob: "a" }] }, label: "a", alt: "a a" },
    { namespace: "files", value: null, label: "b", file, alt: "a b" },
    { namespace: "files", value: { files: [{ blob: "c" }] }, label: "c" },
  ];
  assert.deepEqual(attached.kept, outlines);
  const describe = ({ files: [given] }, alt) => ({ files: [{ ...given, alt }] });
  const sent = described(attached.take(), taking(describe));
  assert.deepEqual(sent[0].value, { files: [{ blob: "a", alt: "a a" }] });
  assert.deepEqual(sent.slice(1), outlines.slice(1));
  assert.deepEqual(described(outlines, taking(undefined)), outlines);
  assert.deepEqual(described(outlines, new Places()), outlines);
});
