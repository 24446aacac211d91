import assert from "node:assert/strict";
import { test } from "node:test";
import { asText, Chosen, isChoosable, MOST_CHOSEN } from "../../static/lib/chosen.js";

const message = (seq, fields = {}) => ({ id: `garden-${seq}`, seq, body: `text ${seq}`, ...fields });
const run = (first, last) => Array.from({ length: last - first + 1 }, (_, place) => message(first + place));
const seqs = (chosen) => chosen.messages.map(({ seq }) => seq);

/** Messages 1 to 9 are shown, and those with these numbers are toggled. */
function toggled(...numbers) {
  const chosen = new Chosen();
  for (const seq of numbers) assert.equal(chosen.toggle(message(seq)), true);
  return chosen;
}

const SHOWN = run(1, 9);

test("a message is chosen, and given up again", () => {
  const chosen = toggled(5, 2, 7, 2);
  assert.deepEqual(seqs(chosen), [5, 7]);
  assert.deepEqual([chosen.count, chosen.has("garden-5"), chosen.has("garden-2")], [2, true, false]);
});

test("messages stand in the order of the room, whichever was chosen first", () => {
  assert.deepEqual(seqs(toggled(9, 1, 10)), [1, 9, 10]);
});

test("a range takes the place of the one before, in either direction, and keeps what was chosen apart from it", () => {
  const chosen = toggled(1, 5);
  assert.equal(chosen.extend(SHOWN, message(8)), true);
  assert.deepEqual(seqs(chosen), [1, 5, 6, 7, 8]);
  chosen.extend(SHOWN, message(6));
  assert.deepEqual(seqs(chosen), [1, 5, 6]);
  chosen.extend(SHOWN, message(3));
  assert.deepEqual(seqs(chosen), [1, 3, 4, 5]);
});

test("a range that begins elsewhere leaves the one before as it is", () => {
  const chosen = toggled(2);
  chosen.extend(SHOWN, message(3), "garden-2");
  chosen.extend(SHOWN, message(4), "garden-3"); // goes on from its end
  chosen.extend(SHOWN, message(7), "garden-6");
  assert.deepEqual(seqs(chosen), [2, 3, 4, 6, 7]);
  chosen.extend(SHOWN, message(6), "garden-7");
  assert.deepEqual(seqs(chosen), [2, 3, 4, 6]);
});

test("a range from a message that was given up has it again", () => {
  const chosen = toggled(3, 3);
  chosen.extend(SHOWN, message(4));
  assert.deepEqual(seqs(chosen), [3, 4]);
});

test("where the beginning of a range is shown no more, the message alone is chosen, and a range begins there", () => {
  const chosen = toggled(1);
  chosen.extend(run(4, 9), message(6));
  assert.deepEqual(seqs(chosen), [1, 6]);
  chosen.extend(run(4, 9), message(8));
  assert.deepEqual(seqs(chosen), [1, 6, 7, 8]);
});

test("no more are chosen than there can be: of a range those next to its beginning", () => {
  const shown = run(1, MOST_CHOSEN + 50);
  const chosen = toggled(MOST_CHOSEN + 40);
  assert.equal(chosen.extend(shown, message(1)), false);
  assert.deepEqual([chosen.count, seqs(chosen)[0]], [MOST_CHOSEN, 41]);
  assert.equal(chosen.toggle(message(1)), false);
  assert.equal(chosen.has("garden-1"), false);
  assert.equal(chosen.toggle(message(50)), true); // one that is given up makes room
  assert.equal(chosen.toggle(message(1)), true);
  assert.equal(chosen.count, MOST_CHOSEN);
});

test("a range of exactly as many as there can be is whole", () => {
  const chosen = toggled(1);
  assert.equal(chosen.extend(run(1, MOST_CHOSEN), message(MOST_CHOSEN)), true);
  assert.equal(chosen.count, MOST_CHOSEN);
});

test("what changes counts, and what is deleted is chosen no more, nor by a range that is drawn anew", () => {
  const chosen = toggled(1, 2, 4);
  chosen.change("garden-1", (old) => ({ ...old, body: "new" }));
  chosen.change("garden-2", (old) => ({ ...old, deleted: true }));
  chosen.change("garden-9", () => assert.fail("it is not chosen"));
  assert.deepEqual(chosen.messages.map(({ body }) => body), ["new", "text 4"]);
  chosen.extend([message(4), message(5)], message(5));
  assert.deepEqual(chosen.messages.map(({ body }) => body), ["new", "text 4", "text 5"]);
});

test("only those that are wanted are kept", () => {
  const chosen = toggled(1, 2, 3);
  chosen.keep(({ seq }) => seq !== 2);
  assert.deepEqual(seqs(chosen), [1, 3]);
});

test("only messages that stand in the log and are shown can be chosen", () => {
  assert.equal(isChoosable({ message: message(1) }), true);
  for (const entry of [undefined, {}, { message: message(1), folded: true }, { message: message(1, { deleted: true }) }, { message: { body: "on its way", state: "pending" } }, { message: message(1, { state: "sent" }) }])
    assert.equal(isChoosable(entry), false);
});

test("as a text, each message has its time, its author and what it says", () => {
  const at = "2026-11-30T15:04:00Z";
  const messages = [
    { at, author: { name: "Anna" }, body: "The tomatoes\nare ripe." },
    { at, author: { name: "弁" }, body: "", data_text: "notes.txt" },
    { at, author: { name: "Ben" }, body: "" },
  ];
  assert.equal(asText(messages, (date) => date.toISOString().slice(0, 16)), "2026-11-30T15:04 Anna: The tomatoes\nare ripe.\n2026-11-30T15:04 弁: notes.txt\n2026-11-30T15:04 Ben: ");
});
