/**
 * The text of a message as a tree: paragraphs, code, quotes, lists, headings, tables, lines (docs/formatting.md). No DOM.
 * The server's parser is chatserver/formatting/blocks.py; tests/formatting holds both to the same trees. Each line is
 * read once for each level that it is nested, of which there are few.
 */

import { inline } from "./inline.js";

const DEEPEST = 6; // quotes and lists inside each other
const MOST_PARTS = 1_000; // nodes but texts: what a page draws in a few hundredths of a second
const MOST_COLUMNS = 20;

const FENCE = /^[ \t]*(`{3,}|~{3,})([^`]*)$/;
const LANGUAGE = /^[0-9A-Za-z+#_.-]{1,32}$/;
const QUOTE = /^[ \t]*>+[ \t]+[^ \t]/;
const QUOTED = /^[ \t]*>(?:[ \t]|(?=>)|$)/;
const HEADING = /^[ \t]*(#{1,3})[ \t]+([^ \t][^]*)$/;
const RULE = /^[ \t]*-{3,}[ \t]*$/;
const ITEM = /^([ \t]*)([-+*]|[0-9]{1,9}[.)])([ \t]+)(?=[^ \t])/;
const TASK = /^\[([ xX])\][ \t]+(?=[^ \t])/;
const DELIMITERS = /^[ \t|:-]+$/;
const DELIMITER = /^:?-+:?$/;

/**
 * `[{kind: "paragraph", children} | {kind: "heading", level, children} | {kind: "code_block", language, text} |
 * {kind: "quote", children} | {kind: "list", start, items: [{checked, children}, …]} | {kind: "table", align, rows} |
 * {kind: "rule"}, …]`. `children` of paragraphs and headings are those of inline.js, of quotes and items blocks. `start`
 * is null for bullets, `checked` but for tasks. `rows`, of which the first is the head, have cells, lists of inline nodes.
 */
export function parse(text) {
  return new Blocks().parse(text.split(/\r\n?|\n/), 0);
}

class Blocks {
  #left = { parts: MOST_PARTS };

  parse(lines, depth) {
    const found = [];
    for (let at = 0; at < lines.length; ) {
      if (isBlank(lines[at])) {
        at += 1;
        continue;
      }
      this.#left.parts -= 1;
      const { node, next } = this.#left.parts > 0 ? this.#block(lines, at, depth) : this.#paragraph(lines, at, lines.length);
      found.push(node);
      at = next;
    }
    return found;
  }

  #block(lines, at, depth) {
    const line = lines[at];
    const heading = HEADING.exec(line);
    if (heading) return { node: { kind: "heading", level: heading[1].length, children: this.#inline(trimmed(heading[2])) }, next: at + 1 };
    if (RULE.test(line)) return { node: { kind: "rule" }, next: at + 1 };
    const fence = fenceAt(lines, at);
    if (fence) return fenced(lines, at, fence);
    if (depth < DEEPEST && QUOTE.test(line)) return this.#quote(lines, at, depth);
    const item = depth < DEEPEST ? itemAt(line) : null;
    if (item) return this.#list(lines, at, depth, item);
    const head = tableHead(lines, at);
    if (head) return this.#table(lines, at, head);
    let end = at + 1;
    while (end < lines.length && !isBlank(lines[end]) && !interrupts(lines, end, depth)) end += 1;
    return this.#paragraph(lines, at, end);
  }

  #inline(text) {
    return inline(text, this.#left);
  }

  #paragraph(lines, at, end) {
    return { node: { kind: "paragraph", children: this.#inline(lines.slice(at, end).join("\n")) }, next: end };
  }

  #quote(lines, at, depth) {
    let next = at;
    while (next < lines.length && QUOTED.test(lines[next])) next += 1;
    const inside = lines.slice(at, next).map((line) => line.replace(QUOTED, ""));
    return { node: { kind: "quote", children: this.parse(inside, depth + 1) }, next };
  }

  #list(lines, at, depth, first) {
    const items = [];
    let next = at;
    for (let item = first; item && this.#left.parts > 0; ) {
      this.#left.parts -= 1;
      const { inside, end } = itemLines(lines, next, item);
      const task = TASK.exec(inside[0]);
      if (task) inside[0] = inside[0].slice(task[0].length);
      items.push({ checked: task ? task[1] !== " " : null, children: this.parse(inside, depth + 1) });
      const after = afterBlank(lines, end);
      const sibling = itemAt(lines[after]);
      item = sibling?.marker === first.marker ? sibling : null;
      next = item ? after : end;
    }
    return { node: { kind: "list", start: first.number, items }, next };
  }

  #table(lines, at, { head, align }) {
    const cost = head.length + 1;
    this.#left.parts -= cost;
    const rows = [head.map((cell) => this.#inline(cell))];
    let next = at + 2;
    for (; next < lines.length && lines[next].includes("|"); next += 1) {
      const cells = cellsOf(lines[next]);
      if (cells.length > head.length || this.#left.parts < cost) break;
      this.#left.parts -= cost;
      rows.push(head.map((_, column) => this.#inline(cells[column] ?? "")));
    }
    return { node: { kind: "table", align, rows }, next };
  }
}

/** Whether a line ends the paragraph before it. A number does only if a list begins with it. */
function interrupts(lines, at, depth) {
  const line = lines[at];
  if (HEADING.test(line) || RULE.test(line) || fenceAt(lines, at) || tableHead(lines, at)) return true;
  if (depth >= DEEPEST) return false;
  const item = itemAt(line);
  return QUOTE.test(line) || (item !== null && (item.number ?? 1) === 1);
}

/** A fence has a line below it. */
function fenceAt(lines, at) {
  return at + 1 < lines.length ? FENCE.exec(lines[at]) : null;
}

/** Code between fences; without a second one, to the end. */
function fenced(lines, at, match) {
  const [, fence, info] = match;
  const [language] = trimmed(info).split(/[ \t]/, 1);
  const indent = indentOf(lines[at]);
  const code = [];
  let next = at + 1;
  for (; next < lines.length; next += 1) {
    const line = trimmed(lines[next]);
    if (line.length >= fence.length && line === fence[0].repeat(line.length)) break;
    code.push(unindented(lines[next], indent));
  }
  const node = { kind: "code_block", language: LANGUAGE.test(language) ? language : "", text: code.join("\n") };
  return { node, next: Math.min(next + 1, lines.length) };
}

/**
 * The item that begins in a line: its kind, its number (null for a bullet), its own indentation and that of its text.
 * @param {string | undefined} line
 */
function itemAt(line) {
  if (line === undefined || RULE.test(line)) return null;
  const match = ITEM.exec(line);
  if (!match) return null;
  const [whole, , sign, space] = match;
  const indent = indentOf(line);
  const offset = indent + sign.length + (space.length > 4 ? 1 : space.length);
  return { marker: sign.at(-1), number: sign.length > 1 ? Number.parseInt(sign, 10) : null, indent, offset, text: line.slice(whole.length) };
}

/** The lines of an item without what they are indented by; those after the first are indented by two more than it. */
function itemLines(lines, at, { indent, offset, text }) {
  const inside = [text];
  /** @type {number | null} */
  let strip = null;
  let end = at + 1;
  for (let next; end < lines.length; end = next + 1) {
    next = afterBlank(lines, end);
    if (next === lines.length || indentOf(lines[next]) < indent + 2) break;
    strip ??= Math.min(offset, indentOf(lines[next]));
    for (let blank = end; blank < next; blank += 1) inside.push("");
    inside.push(unindented(lines[next], strip));
  }
  return { inside, end };
}

/** The head of a table, and how its columns are aligned, if one begins here. */
function tableHead(lines, at) {
  const below = lines[at + 1] ?? "";
  if (!lines[at].includes("|") || !below.includes("|") || !DELIMITERS.test(below)) return null;
  const head = cellsOf(lines[at]);
  const delimiters = cellsOf(below);
  const fits = head.length === delimiters.length && head.length <= MOST_COLUMNS && delimiters.every((each) => DELIMITER.test(each));
  return fits ? { head, align: delimiters.map(alignOf) } : null;
}

function alignOf(delimiter) {
  const [first, last] = [delimiter.startsWith(":"), delimiter.endsWith(":")];
  if (first && last) return "center";
  if (last) return "end";
  return first ? "start" : null;
}

/** The cells of a row, in which `\|` stands for a bar that parts none. */
function cellsOf(line) {
  const cells = trimmed(line).split(/(?<!\\)\|/);
  if (cells[0] === "") cells.shift();
  if (cells.length > 1 && cells.at(-1) === "") cells.pop();
  return cells.map((cell) => trimmed(cell.replaceAll("\\|", "|")));
}

/** The place of the first line from here on that is not blank. */
function afterBlank(lines, at) {
  let next = at;
  while (next < lines.length && isBlank(lines[next])) next += 1;
  return next;
}

function isBlank(line) {
  return trimmed(line) === "";
}

/** Without spaces and tabs at both ends. A regular expression would take quadratic time for its end. */
function trimmed(text) {
  let start = 0;
  let end = text.length;
  while (start < end && isSpace(text[start])) start += 1;
  while (end > start && isSpace(text[end - 1])) end -= 1;
  return text.slice(start, end);
}

/** Columns before the text of a line: a tab goes to the next multiple of four. */
function indentOf(line) {
  let columns = 0;
  for (let at = 0; isSpace(line[at]); at += 1) columns += line[at] === "\t" ? 4 - (columns % 4) : 1;
  return columns;
}

/** Without the first `most` columns, as far as they are empty. */
function unindented(line, most) {
  let columns = 0;
  let at = 0;
  for (; columns < most && isSpace(line[at]); at += 1) columns += line[at] === "\t" ? 4 - (columns % 4) : 1;
  return " ".repeat(Math.max(0, columns - most)) + line.slice(at);
}

function isSpace(character) {
  return character === " " || character === "\t";
}
