import assert from "node:assert/strict";
import { test } from "node:test";
import { foundParts, searchText } from "../../static/lib/searching.js";

const marked = (body, search) => foundParts(body, search).map(({ text, found }) => (found ? `[${text}]` : text)).join("");
const utc = (...given) => `${new Date(...given).toISOString().slice(0, 16)}Z`;

test("filters become conditions, and days those of this device", () => {
  assert.equal(searchText({ text: " tea " }), "tea");
  assert.equal(searchText({ text: "tea", author: " @ada " }), 'tea from:"ada"');
  assert.equal(searchText({ text: "", author: "ada", has: "file" }), 'from:"ada" has:file');
  assert.equal(searchText({ text: "", author: '＠エ"イダ' }), 'from:"エイダ"');
  assert.equal(searchText({ text: "tea", since: "2026-01-31" }), `tea after:${utc(2026, 0, 31)}`);
  assert.equal(searchText({ text: "", until: "2026-12-31" }), `before:${utc(2027, 0, 1)}`);
  assert.match(searchText({ text: "", since: "0020-03-01" }), /^after:00(19|20)-0[23]-\d\dT\d\d:\d\dZ$/);
});

test("words are marked as a whole, phrases and runs without spaces where they stand", () => {
  assert.equal(marked("Tea, or steak with TEA?", "tea"), "[Tea], or steak with [TEA]?");
  assert.equal(marked("a cup of  green tea", '"green tea" cup'), "a [cup] of  green tea".replace("green tea", "[green tea]"));
  assert.equal(marked("東京タワーに行く", "タワー"), "東京[タワー]に行く");
  assert.equal(marked("costs 5 $ (or so)", "$ (or"), "costs 5 [$] [(or] so)");
  assert.equal(marked("été summer", "ÉTÉ"), "[été] summer");
});

test("conditions are no words, and nothing found marks nothing", () => {
  assert.equal(marked("ada in the lounge", 'from:ada in:"the lounge" after:2026-01-01'), "ada in the lounge");
  assert.equal(marked("nothing", "else"), "nothing");
  assert.equal(marked("nothing", '"" “'), "nothing");
  assert.equal(marked("", "tea"), "");
});

test("a long text begins near what was found", () => {
  assert.equal(marked(`${"word ".repeat(100)}tea time`, "tea"), `…${"word ".repeat(11)}[tea] time`);
  assert.equal(marked(`${"word ".repeat(20)}tea`, "tea"), `${"word ".repeat(20)}[tea]`);
  assert.equal(marked(`${"😀".repeat(200)}茶`, "茶"), `…${"😀".repeat(30)}[茶]`);
  assert.equal(marked(`x${"😀".repeat(200)}a茶`, "茶"), `…${"😀".repeat(29)}a[茶]`);
});
