/** A formatted text without marks: for quotes, notices and all that has one line. No DOM. */

import { parse } from "./formatting.js";

const HIDDEN = "▒▒▒"; // a spoiler, whatever its length

export function plain(text) {
  return blocksOf(parse(text));
}

function blocksOf(nodes) {
  return nodes.map(blockOf).join("\n");
}

function blockOf({ kind, text, children, items, start, rows }) {
  switch (kind) {
    case "code_block":
      return text;
    case "rule":
      return "—";
    case "quote":
      return blocksOf(children);
    case "list":
      return items.map((item, place) => itemOf(item, start === null ? "•" : `${start + place}.`)).join("\n");
    case "table":
      return rows.map((cells) => cells.map(inlineOf).join(" | ")).join("\n");
    default:
      return inlineOf(children);
  }
}

function itemOf({ checked, children }, sign) {
  const task = { true: "☑", false: "☐", null: sign }[checked];
  return `${task} ${blocksOf(children)}`;
}

function inlineOf(nodes) {
  return nodes.map(({ kind, text, children, href, elsewhere }) => {
    if (kind === "spoiler") return HIDDEN;
    const inside = text ?? inlineOf(children);
    return elsewhere ? `${inside} (${href})` : inside;
  }).join("");
}
