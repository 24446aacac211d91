import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "../../static/lib/formatting.js";
import { forwarded, MOST_CHARS, MOST_COMMENT_CHARS } from "../../static/lib/forwarding.js";
import { plain } from "../../static/lib/plain.js";

const LINK = "https://chat.example/m/garden-12";
const forward = (body, { name = "Anna", comment = "" } = {}) => forwarded({ author: { name }, body }, comment, LINK);
const count = (text) => [...text].length;

/** The blocks of a forwarding message: it ends with one quote and the link, whatever the texts in it are. */
function blocks(body) {
  const found = parse(body);
  const [quote, link] = found.slice(-2);
  assert.equal(quote.kind, "quote", body);
  assert.deepEqual(link, { kind: "paragraph", children: [{ kind: "link", href: LINK, children: [{ kind: "text", text: LINK }], elsewhere: false }] });
  return { comment: found.slice(0, -2), quoted: quote.children };
}

test("the comment comes first, then the text under its author's name, then the link", () => {
  const { body, isCut } = forward("The tomatoes\nare ripe.", { comment: "  Who wants some?\n" });
  assert.equal(body, `Who wants some?\n\n> **Anna**\n>\n> The tomatoes\n> are ripe.\n\n${LINK}`);
  assert.equal(isCut, false);
});

test("without a comment there is nothing before the quote", () => {
  assert.equal(forward("Ripe.", { comment: " \n" }).body, `> **Anna**\n>\n> Ripe.\n\n${LINK}`);
});

test("Japanese texts and names are quoted as they are", () => {
  const { body } = forward("「重要」です。\n**締め切り**は明日", { name: "大久保", comment: "ご確認ください" });
  assert.equal(body, `ご確認ください\n\n> **大久保**\n>\n> 「重要」です。\n> **締め切り**は明日\n\n${LINK}`);
});

test("what a text leaves open ends with the quote", () => {
  for (const text of ["```js\nopen()", "~~~\n\nopen", "||open", "**open", "`open", "[open](https://", "- [ ] a\n  - b", "| a | b |\n|---|---|", "# a", "---", ">", "> > deep", "1. a\n\n2. b", "a\rb\r\nc", "\\", ">_<"])
    assert.deepEqual(blocks(forward(text).body).comment, [], text);
});

test("blocks of the original are the same in the quote", () => {
  for (const text of ["```js\nlet a = 1;\n\n  b();\n```", "> as said\n>> before\n\nanswer", "- a\n  - b\n\n1. c", "||secret||, open", "| a | b |\n|---|--:|\n| 1 | 2 |", "# Title\ntext", "a\n\nb"])
    assert.deepEqual(blocks(forward(text).body).quoted.slice(1), parse(text), text);
});

test("a message that was forwarded before keeps its quote and its link inside", () => {
  const { quoted } = blocks(forward(forward("Ripe.").body, { name: "Ben" }).body);
  assert.deepEqual(quoted.map(({ kind }) => kind), ["paragraph", "quote", "paragraph"]);
});

test("code that the comment leaves open ends before the quote", () => {
  for (const comment of ["```\nopen", "~~~~ js\nopen", "a\n````\n```\nopen", "```\nclosed\n```\n~~~\nopen", "- a\n  ```\n  in the item", "```\nclosed\n```", "``` no block"])
    assert.ok(blocks(forward("Ripe.", { comment }).body).comment.length > 0, comment);
  const { comment } = blocks(forward("Ripe.", { comment: "```\nopen" }).body);
  assert.deepEqual(comment, [{ kind: "code_block", language: "", text: "open" }]);
});

test("a quote at the end of the comment is one of its own", () => {
  assert.deepEqual(blocks(forward("Ripe.", { comment: "> mine" }).body).comment.map(({ kind }) => kind), ["quote"]);
});

test("marks in a name are text", () => {
  const name = "*An|na* `x` [a](https://evil.example) \\";
  const [{ children }] = blocks(forward("Ripe.", { name }).body).quoted;
  assert.deepEqual(children.map(({ kind }) => kind), ["strong"]);
  assert.ok(plain(forward("Ripe.", { name }).body).startsWith("*An|na* `x` [a]"));
});

test("names in the quote are no mentions, those in the comment are", () => {
  const { body } = forward("@ben, (@room) @_x 「@大久保」 mail a@b.example @@c @", { name: "@here", comment: "@cem look" });
  assert.deepEqual(body.match(/(?<![\w@.-])@[\p{L}\p{N}_]+/gu), ["@cem"]);
  assert.equal(body.replaceAll("\u2060", ""), `@cem look\n\n> **@here**\n>\n> @ben, (@room) @_x 「@大久保」 mail a@b.example @@c @\n\n${LINK}`);
});

test("a name that was quoted before is not changed again", () => {
  const once = forward("@ben").body;
  assert.equal(forward(once).body.split("\u2060").length, 2);
});

test("an address with a name in it leads to the same place", () => {
  const { body } = forward("https://social.example/@ben/1 and @ben");
  assert.ok(body.includes("> https://social.example/%40ben/1 and @\u2060ben"), body);
});

test("a text that is too long is cut, and the message is as long as it may be", () => {
  for (const text of ["x".repeat(9_000), "𠮷".repeat(9_000), "@a ".repeat(3_000), "line\n".repeat(2_000), "\n".repeat(9_000)]) {
    for (const comment of ["", "c".repeat(MOST_COMMENT_CHARS)]) {
      const { body, isCut } = forward(text, { comment });
      assert.equal(isCut, true);
      assert.ok(count(body) <= MOST_CHARS, `${count(body)}`);
      assert.ok(text.startsWith("\n") || count(body) > MOST_CHARS - 10, `${count(body)}`);
      assert.deepEqual(blocks(body).quoted.at(-1), { kind: "paragraph", children: [{ kind: "text", text: "…" }] });
      assert.ok(body.isWellFormed());
    }
  }
});

test("a text that just fits is whole", () => {
  const rest = count(forward("").body);
  const most = MOST_CHARS - rest - 1; // the line of the quote is empty without a text: it has no space
  assert.equal(forward("x".repeat(most)).isCut, false);
  assert.equal(count(forward("x".repeat(most)).body), MOST_CHARS);
  assert.equal(forward("x".repeat(most + 1)).isCut, true);
  assert.equal(forward("𠮷".repeat(most)).isCut, false); // one character, as the server counts
});

test("where a text is cut, a spoiler is not opened", () => {
  const secret = `so: ||secret \`||\` ${"secret ".repeat(1_000)}||`;
  for (const before of ["", "||first|| ", "`a||b` ", "```\na||b\n```\n", "```\n\na||b\n\n", "a\n\n||b||\n\n"])
    for (let length = 7_000; length < 7_900; length += 100) {
      const { body, isCut } = forward(`${before}${"x".repeat(length)} ${secret}`);
      assert.equal(isCut, true);
      assert.ok(!plain(body).includes("secret"), before);
    }
});

test("the text before a spoiler in the paragraph that is cut stays, and all of those before it", () => {
  const { body } = forward(`||a||\n\nbefore ||${"secret ".repeat(2_000)}||`);
  assert.equal(body, `> **Anna**\n>\n> ||a||\n>\n> before\n>\n> …\n\n${LINK}`);
});
