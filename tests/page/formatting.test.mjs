import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { parse } from "../../static/lib/formatting.js";
import { hasMarks } from "../../static/lib/late-formatting.js";
import { segments } from "../../static/lib/linkify.js";
import { plain } from "../../static/lib/plain.js";

const read = (name) => JSON.parse(readFileSync(new URL(`../formatting/${name}.json`, import.meta.url), "utf8"));
const cases = read("cases");

for (const { text, tree, plain: said } of cases) {
  test(`is shown as the cases say: ${JSON.stringify(text.slice(0, 40))}`, () => {
    assert.deepEqual(parse(text), tree);
    assert.equal(plain(text), said);
  });
}

test("a text that is drawn without the parser is what the parser makes of it", () => {
  let bare = 0;
  for (const line of cases.flatMap(({ text }) => [text, ...text.split("\n")])) {
    if (hasMarks(line)) continue;
    bare += 1;
    const shown = parse(line).flatMap(({ kind, children }) => {
      assert.equal(kind, "paragraph", line);
      return children.map((node) => (node.kind === "text" ? { text: node.text } : { text: node.children[0].text, href: node.href }));
    });
    if (!/\n[ \t]*\n|\r/.test(line)) assert.deepEqual(shown, segments(line));
  }
  assert.ok(bare > 20);
});

/** The least processor time of some tries, ms. */
function cost(text) {
  const tries = [1, 2, 3].map(() => {
    const begun = process.cpuUsage();
    parse(text);
    const { user, system } = process.cpuUsage(begun);
    return (user + system) / 1_000;
  });
  return Math.min(...tries);
}

test("time grows with the length alone", () => {
  for (const seed of read("hostile")) {
    const text = seed.repeat(Math.ceil(32_000 / seed.length));
    const short = cost(text.slice(0, text.length / 4));
    assert.ok(cost(text) < 10 * Math.max(short, 1), JSON.stringify(seed));
  }
});
