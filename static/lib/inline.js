/**
 * The marks within a line of a formatted text (docs/formatting.md): code, emphasis, spoilers, links. No DOM. The server's
 * parser is chatserver/formatting/inline.py; tests/formatting holds both to the same trees.
 */

import { addressAt, hostOf } from "./addresses.js";

const MARK = /[\\\x60*_~|[]|https?:\/\//gi;
const BRACKET = /[\\\x60[\]()]|[\s<>"]/g;
const ESCAPABLE = /[!-/:-@[-\x60{-~]/;
const SPACE = /[ \t\n\u00a0\u3000]/;
const NO_SPACE = /[^ \t\n\u00a0\u3000]/;
const ALNUM = /[0-9A-Za-z]/;
// Of words, as far as `_` and the names of hosts are concerned; characters beyond U+FFFF are among them.
const WORDS = "0-9A-Za-z\u00aa\u00b5\u00ba\u00c0-\u1fff\u2c00-\u2dff\u3041-\ufefe\uff10-\uff19\uff21-\uff3a\uff41-\uff5a\uff66-\uffdc";
const WORD = new RegExp(`[${WORDS}]`);
const NO_HOST = new RegExp(`[^${WORDS}.．-]+`);
const IN_HOST = /[^.．][.．][^0-9.．][^.．]+$/;
const NO_LINK = { middle: 0, end: 0 };
const SHRUG = "¯\\_(ツ)_/¯"; // as it is known, whatever its backslash would mean
const KINDS = { "*": "em", _: "em", "**": "strong", "~~": "strike", "||": "spoiler" };

/**
 * `[{kind: "text" | "code", text} | {kind: "em" | "strong" | "strike" | "spoiler", children} | {kind: "link", href, children,
 * elsewhere}, …]`. `elsewhere`: the text of a link looks like another address than its own. Each node but those of text
 * takes one of `left.parts`; when none is left, the rest is text.
 */
export function inline(text, left, inLink = false) {
  return new Line(text, left, inLink).parse();
}

class Line {
  #nodes = [];
  #open = []; // marks that may be closed: `{mark, at}`, at most one of each kind
  #at = 0;
  #said = 0; // up to here, all is in the nodes

  constructor(text, left, inLink) {
    this.text = text;
    this.left = left;
    this.inLink = inLink;
    this.codeEnd = codeEnds(text);
    this.links = inLink || !text.includes("](") ? new Map() : linkEnds(text);
  }

  parse() {
    while (this.left.parts > 0) {
      MARK.lastIndex = this.#at;
      const found = MARK.exec(this.text);
      if (!found) break;
      this.#at = found.index;
      this.#read(this.text[this.#at]);
    }
    this.#say(this.text.length);
    return merged(this.#nodes);
  }

  #read(mark) {
    if (mark === "\\") this.#escape();
    else if (mark === "\x60") this.#code();
    else if (mark === "[") this.#link();
    else if (KINDS[mark] || mark === "~" || mark === "|") this.#marks(mark, runAt(this.text, this.#at));
    else this.#address();
  }

  /** Text up to here, which the next node follows. */
  #say(end) {
    if (end > this.#said) this.#nodes.push({ kind: "text", text: this.text.slice(this.#said, end) });
    this.#said = end;
  }

  /** A node that takes the place of the text from here to `end`. */
  #put(node, end) {
    this.#say(this.#at);
    this.#nodes.push(node);
    this.#at = this.#said = end;
  }

  #escape() {
    if (this.text.startsWith(SHRUG, this.#at - 1)) this.#at += SHRUG.length - 2;
    else if (ESCAPABLE.test(this.text[this.#at + 1] ?? "")) {
      this.#say(this.#at);
      this.#said += 1;
      this.#at += 1;
    }
    this.#at += 1;
  }

  #code() {
    const size = runAt(this.text, this.#at);
    const start = this.#at + size;
    const end = this.codeEnd(start, size);
    if (end < 0) {
      this.#at = start;
      return;
    }
    this.left.parts -= 1;
    this.#put({ kind: "code", text: unpadded(this.text.slice(start, end)) }, end + size);
  }

  #link() {
    const { middle, end } = this.links.get(this.#at) ?? NO_LINK;
    const href = this.text.slice(middle + 2, end);
    const host = hostOf(href);
    const said = this.text.slice(this.#at + 1, middle);
    if (!host || !NO_SPACE.test(said)) {
      this.#at += 1;
      return;
    }
    this.left.parts -= 1;
    const children = inline(said, this.left, true);
    const shown = textOf(children);
    const elsewhere = shown !== href && looksElsewhere(shown, host);
    this.#put({ kind: "link", href, children, elsewhere }, end + 1);
  }

  #address() {
    const { whole, address } = addressAt(this.text, this.#at);
    if (!address || this.inLink) {
      this.#at += whole;
      return;
    }
    this.left.parts -= 1;
    const children = [{ kind: "text", text: address }];
    this.#put({ kind: "link", href: address, children, elsewhere: false }, this.#at + address.length);
  }

  /** `size` marks in a row close what they can, and open what is left of them. */
  #marks(mark, size) {
    const { text } = this;
    const start = this.#at;
    const end = (this.#at = start + size);
    if (!KINDS[mark.repeat(size)] && !(mark === "*" && size === 3)) return;
    const [before, after] = [text[start - 1] ?? " ", text[end] ?? " "];
    this.#say(start);
    const closes = !SPACE.test(before) && !(mark === "_" && WORD.test(after));
    const rest = closes ? this.#close(mark, size) : size;
    this.#said = end - rest;
    const inWord = mark === "_" ? WORD.test(before) : mark.repeat(size) === "*" && ALNUM.test(before) && ALNUM.test(after);
    if (rest === 0 || inWord || SPACE.test(after)) return;
    for (const part of rest === 3 ? ["*", "**"] : [mark.repeat(rest)]) {
      this.#open = [...this.#open.filter((each) => each.mark !== part), { mark: part, at: this.#nodes.length }];
      this.#say(this.#said + part.length);
    }
  }

  /** How many of the marks are left when as many as possible have closed something. */
  #close(mark, size) {
    let rest = size;
    while (this.left.parts > 0) {
      const most = rest;
      const place = this.#open.findLastIndex((each) => each.mark[0] === mark && each.mark.length <= most);
      if (place < 0) break;
      const [{ mark: closed, at }] = this.#open.splice(place);
      this.left.parts -= 1;
      const [, ...inside] = this.#nodes.splice(at);
      this.#nodes.push({ kind: KINDS[closed], children: merged(inside) });
      rest -= closed.length;
    }
    return rest;
  }
}

/** How many of the same character stand in a row. */
function runAt(text, start) {
  let end = start + 1;
  while (text[end] === text[start]) end += 1;
  return end - start;
}

/** A function that finds the next run of `size` backticks from a place on, -1 if there is none. Places may only grow. */
function codeEnds(text) {
  const runs = new Map();
  for (const { 0: run, index } of text.matchAll(/\x60+/g)) {
    if (!runs.has(run.length)) runs.set(run.length, []);
    runs.get(run.length).push(index);
  }
  for (const places of runs.values()) places.reverse();
  return (from, size) => {
    const places = runs.get(size) ?? [];
    while (places.length && places.at(-1) < from) places.pop();
    return places.at(-1) ?? -1;
  };
}

/** Where `[…](…)` may be, `{middle, end}` by the place of its first bracket: the places of `](` and of the last one. */
function linkEnds(text) {
  const codeEnd = codeEnds(text);
  const found = new Map();
  const brackets = [];
  const parentheses = []; // places, and of what may be a link the place where it begins, else -1
  let closed = -1; // the place of the last `]`, and …
  let first = -1; // … of its `[`
  let barred = -1; // the last place of what no address has
  BRACKET.lastIndex = 0;
  for (let match; (match = BRACKET.exec(text)); ) {
    const at = match.index;
    const mark = match[0];
    if (mark === "[") brackets.push(at);
    else if (mark === "]") [closed, first] = [at, brackets.pop() ?? -1];
    else if (mark === "(") parentheses.push([at, closed === at - 1 && first < closed - 1 ? first : -1]);
    else if (mark === ")") {
      const [opened, start] = parentheses.pop() ?? [-1, -1];
      if (start >= 0 && barred < opened) found.set(start, { middle: opened - 1, end: at });
    } else {
      barred = at;
      if (mark === "\\") BRACKET.lastIndex += 1;
      if (mark === "\x60") BRACKET.lastIndex = afterCode(text, at, codeEnd);
    }
  }
  return found;
}

/** Where a span of code that begins at a place ends; without an end, only its first marks are left behind. */
function afterCode(text, at, codeEnd) {
  const size = runAt(text, at);
  const end = codeEnd(at + size, size);
  return (end < 0 ? at : end) + size;
}

/** As CommonMark has it: code that has a space at both ends loses these. */
function unpadded(code) {
  const isPadded = code.startsWith(" ") && code.endsWith(" ") && /[^ ]/.test(code);
  return isPadded ? code.slice(1, -1) : code;
}

/** Whether a text names a host that is not this one. */
function looksElsewhere(text, host) {
  const known = [host, `www.${host}`];
  return text.split(NO_HOST).some((part) => IN_HOST.test(part) && !known.includes(part) && `www.${part}` !== host);
}

/** The text of nodes, as if they had no marks. */
function textOf(nodes) {
  return nodes.map(({ text, children }) => text ?? textOf(children)).join("");
}

/** Texts that stand side by side are one. */
function merged(nodes) {
  const found = [];
  for (const node of nodes) {
    const last = found.at(-1);
    if (node.kind === "text" && last?.kind === "text") last.text += node.text;
    else found.push(node);
  }
  return found;
}
