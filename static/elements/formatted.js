/** Draws a formatted text (lib/formatting.js). Loaded with the first text that has marks. */

import { h } from "../lib/dom.js";
import { parse } from "../lib/formatting.js";
import { t } from "../lib/i18n.js";
import { plain } from "../lib/plain.js";
import "./formatting-sheet.js";
import "./formatting-texts.js";

export { plain };

const SAID_MS = 2_000;
const HIDDEN = new WeakMap(); // what a cover hides

/** The node of a body. `draw(text, isLink)` makes nodes of what is text alone, in which plugins may have pictures. */
export function formatted(body, draw) {
  const blocks = parse(body);
  const attributes = { "data-testid": "message-body" };
  if (blocks.length === 1 && blocks[0].kind === "paragraph") {
    return h("p", { class: "message-body", dir: "auto", ...attributes }, ...inlineNodes(blocks[0].children, draw));
  }
  return h("div", { class: "message-body formatted", ...attributes }, ...blockNodes(blocks, draw));
}

function blockNodes(blocks, draw) {
  return blocks.map((block) => BLOCKS[block.kind](block, draw));
}

const BLOCKS = {
  paragraph: ({ children }, draw) => h("p", { dir: "auto" }, ...inlineNodes(children, draw)),
  // All are below the name of the room. Three levels by looks alone: a text may begin with the lowest one.
  heading: ({ level, children }, draw) => h("div", { role: "heading", "aria-level": "2", class: `heading level-${level}`, dir: "auto" }, ...inlineNodes(children, draw)),
  rule: () => h("hr"),
  quote: ({ children }, draw) => h("blockquote", { dir: "auto" }, ...blockNodes(children, draw)),
  list: ({ start, items }, draw) => h(start === null ? "ul" : "ol", { start: start === null ? null : String(start), dir: "auto" }, ...items.map((item) => listItem(item, draw))),
  code_block: codeBlock,
  table,
};

function listItem({ checked, children }, draw) {
  if (checked === null) return h("li", {}, ...blockNodes(children, draw));
  const box = h("span", { class: "task-box", role: "img", "aria-label": t(checked ? "format.done" : "format.open") }, checked ? "☑" : "☐");
  return h("li", { class: "task" }, box, h("div", {}, ...blockNodes(children, draw)));
}

/** Code keeps its lines, and scrolls by itself where they are longer than the page is wide. */
function codeBlock({ language, text }) {
  const label = language ? t("format.codeIn", { language }) : t("format.code");
  const copy = h("button", { class: "quiet copy-code", type: "button", "data-testid": "copy-code", onclick: () => void copyText(copy, text) }, t("format.copy"));
  const code = h("code", {}, text);
  if (language) void colour(code, language);
  const lines = h("pre", { dir: "ltr", role: "region", tabindex: "0", "aria-label": label }, code);
  return h("div", { class: "code-block" }, h("div", { class: "code-head" }, h("span", { dir: "auto" }, language), copy), lines);
}

async function colour(code, language) {
  try {
    const { highlighted } = await import("../lib/highlighting.js");
    const pieces = highlighted(code.textContent, language);
    if (pieces) code.replaceChildren(...pieces.map(({ kind, text }) => (kind ? h("span", { class: `code-${kind}` }, text) : text)));
  } catch (error) {
    console.debug(error); // without colours, code is read as well
  }
}

async function copyText(button, text) {
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = t("format.copied");
  } catch {
    button.textContent = t("format.notCopied"); // some browsers have no clipboard on pages without TLS
  }
  setTimeout(() => (button.textContent = t("format.copy")), SAID_MS);
}

function table({ align, rows: [head, ...rows] }, draw) {
  const cells = (tag, row) => row.map((cell, column) => h(tag, { class: align[column], dir: "auto" }, ...inlineNodes(cell, draw)));
  return h(
    "div",
    { class: "table-scroller", role: "region", tabindex: "0", "aria-label": t("format.table") },
    h("table", {}, h("thead", {}, h("tr", {}, ...cells("th", head))), h("tbody", {}, ...rows.map((row) => h("tr", {}, ...cells("td", row))))),
  );
}

function inlineNodes(nodes, draw) {
  return nodes.flatMap((node) => (node.kind === "text" ? draw(node.text) : INLINE[node.kind](node, draw)));
}

const INLINE = {
  code: ({ text }) => h("code", {}, text),
  em: ({ children }, draw) => h("em", {}, ...inlineNodes(children, draw)),
  strong: ({ children }, draw) => h("strong", {}, ...inlineNodes(children, draw)),
  strike: ({ children }, draw) => h("del", {}, ...inlineNodes(children, draw)),
  spoiler,
  link,
};

/** A link that says where it leads, if its text names another place. */
function link({ href, children, elsewhere }, draw) {
  const node = h("a", { href, title: href, target: "_blank", rel: "noopener noreferrer nofollow" }, ...inlineNodes(children, (text) => draw(text, true)));
  return elsewhere ? [node, ` (${href})`] : node;
}

/** A button in place of what is hidden, until it is pressed. */
function spoiler({ children }, draw) {
  const hidden = h("span", { class: "spoiler", tabindex: "-1", "data-testid": "spoiler" }, ...inlineNodes(children, draw));
  const onclick = () => {
    cover.replaceWith(hidden);
    hidden.focus({ preventScroll: true });
  };
  const cover = h("button", { class: "spoiler-cover", type: "button", "data-testid": "spoiler-cover", title: t("format.reveal"), onclick }, t("format.spoiler"));
  HIDDEN.set(cover, hidden);
  return cover;
}

/** Shows in a row what was shown in the one whose place it takes, unless the message has other spoilers now. */
export function keepRevealed(before, after) {
  const [old, young] = [before, after].map((row) => row.querySelectorAll(".message-content :is(.spoiler, .spoiler-cover)"));
  if (old.length !== young.length) return;
  for (const [place, cover] of young.entries()) if (old[place].matches(".spoiler")) cover.replaceWith(HIDDEN.get(cover));
}
