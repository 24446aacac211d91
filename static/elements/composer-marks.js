/**
 * Marks that the composer sets by keys, and around code that is pasted, which the browser can undo; and lines within code.
 * Loaded with the first key, or press of the pointer.
 */

import { insertText } from "../lib/dom.js";

const SIGNS = { "ctrl b": "**", "ctrl i": "*", "ctrl e": "\x60", "ctrl shift x": "~~" };
const FENCE = /^[ \t]*(?:\x60{3}[^\x60\n]*|~{3}.*)$/gm;
const INDENTED = /^(?: {2}|\t)[ \t]*(?![-+*][ \t]|[0-9]+[.)][ \t])[^ \t]/; // but not an item of a list
const ENDS_AS_CODE = /[;{}]$/;

const attended = new WeakSet();

/** Sees to what is typed and pasted into a field, before the composer does. */
export function attend(field) {
  if (attended.has(field)) return;
  attended.add(field);
  field.addEventListener("keydown", (event) => onKey(field, event), { capture: true });
  field.addEventListener("paste", (event) => onPaste(field, event));
  field.dataset.marks = "";
}

function onKey(field, event) {
  if (event.isComposing || event.keyCode === 229) return; // of an input method
  const sign = SIGNS[keysOf(event)];
  if (sign) {
    event.preventDefault();
    mark(field, sign);
  } else if (keysOf(event) === "enter" && isInFence(field) && !field.hasAttribute("aria-activedescendant")) {
    event.stopImmediatePropagation(); // it makes a line, and sends nothing
  }
}

/** Such as "ctrl shift x", whether Caps Lock is on or not. */
function keysOf({ key, altKey, shiftKey, ctrlKey, metaKey }) {
  const held = { alt: altKey, ctrl: ctrlKey || metaKey, shift: shiftKey };
  return [...Object.keys(held).filter((name) => held[name]), key.toLowerCase()].join(" ");
}

/** Files are the composer's. */
function onPaste(field, event) {
  const text = event.clipboardData.getData("text/plain");
  if (event.defaultPrevented || !text.includes("\n")) return;
  const editor = event.clipboardData.getData("vscode-editor-data"); // what Visual Studio Code says of the text
  if (!(editor || looksLikeCode(text)) || !isOnEmptyLine(field) || isInFence(field)) return;
  event.preventDefault();
  insertText(field, fenced(text, languageOf(editor)), field.selectionStart, field.selectionEnd);
}

/** Whether the cursor is in code whose fence is open. */
function isInFence({ value, selectionStart }) {
  return (value.slice(0, selectionStart).match(FENCE)?.length ?? 0) % 2 === 1;
}

/** Puts a mark around what is selected, or takes it away; without a selection, the cursor stands between two marks. */
function mark(field, sign) {
  const { value } = field;
  let { selectionStart: start, selectionEnd: end } = field;
  while (start < end && isSpace(value[start])) start += 1;
  while (end > start && isSpace(value[end - 1])) end -= 1;
  const selected = value.slice(start, end);
  if (isMarked(value, start, end, sign)) {
    replace(field, selected, { from: start - sign.length, to: end + sign.length, inset: 0 });
  } else if (sign === "\x60" && selected.includes("\n")) {
    const fence = fenceFor(selected);
    replace(field, `${fence}\n${selected}\n${fence}`, { from: start, to: end, inset: fence.length + 1 });
  } else replace(field, sign + selected + sign, { from: start, to: end, inset: sign.length });
}

function replace(field, text, { from, to, inset }) {
  insertText(field, text, from, to);
  field.setSelectionRange(from + inset, from + text.length - inset);
}

/** Whether this mark, and not a longer one of the same character, stands on both sides. */
function isMarked(value, start, end, sign) {
  const [character] = sign;
  let run = 0;
  while (value[start - run - 1] === character && value[end + run] === character) run += 1;
  return sign === "*" ? run % 2 === 1 : run >= sign.length;
}

function looksLikeCode(text) {
  const lines = text.split("\n").map((line) => line.trimEnd()).filter(Boolean);
  const code = lines.filter((line) => INDENTED.test(line) || ENDS_AS_CODE.test(line));
  return lines.length > 1 && code.length > lines.length / 2;
}

function isOnEmptyLine({ value, selectionStart, selectionEnd }) {
  return /(^|\n)$/.test(value.slice(0, selectionStart)) && /^(\n|$)/.test(value.slice(selectionEnd));
}

function fenced(text, language) {
  const fence = fenceFor(text);
  return `${fence}${language}\n${text.replace(/\r/g, "").replace(/\n$/, "")}\n${fence}`;
}

/** Longer than all that look like one in the text. */
function fenceFor(text) {
  const longest = Math.max(2, ...[...text.matchAll(/\x60{3,}/g)].map(([run]) => run.length));
  return "\x60".repeat(longest + 1);
}

/** The language in `{"mode": "python", …}`. */
function languageOf(editor) {
  try {
    const { mode } = JSON.parse(editor);
    return /^[0-9A-Za-z+#_.-]{1,32}$/.test(mode) && mode !== "plaintext" ? mode : "";
  } catch {
    return "";
  }
}

function isSpace(character) {
  return /\s/.test(character);
}
