/** The sheet of the keys that work in the page. */

import { h, icon, ICONS } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { show } from "./dialogs.js";
import "./later-texts.js";

const IS_APPLE = /Mac|iPhone|iPad/.test(navigator.platform);
const MODIFIER = IS_APPLE ? "⌘" : "Ctrl";
const ALT = IS_APPLE ? "⌥" : "Alt";
/** @type {[string, [string, string[]][]][]} */
const KEYS = [
  ["keys.everywhere", [
    ["keys.find", [MODIFIER, "K"]],
    ["keys.next", [ALT, "↓"]],
    ["keys.previous", [ALT, "↑"]],
    ["keys.close", ["Esc"]],
    ["keys.sheet", ["?"]],
  ]],
  ["keys.lists", [
    ["keys.move", ["↑", "↓"]],
    ["keys.ends", ["Home", "End"]],
    ["keys.choose", ["Enter"]],
    ["keys.rowMenu", ["→"]],
    ["keys.thread", ["T"]],
    ["keys.person", ["P"]],
    ["keys.forward", ["F"]],
    ["keys.select", ["X"]],
    ["keys.range", ["Shift", "↑", "↓"]],
  ]],
  ["keys.writing", [
    ["keys.send", ["Enter"]],
    ["keys.line", ["Shift", "Enter"]],
    ["keys.edit", ["↑"]],
    ["keys.command", ["/"]],
    ["keys.strong", [MODIFIER, "B"]],
    ["keys.em", [MODIFIER, "I"]],
    ["keys.strike", [MODIFIER, "Shift", "X"]],
    ["keys.code", [MODIFIER, "E"]],
  ]],
];

export function showShortcuts() {
  const name = t("close");
  const close = h("button", { class: "round", type: "button", title: name, "aria-label": name, onclick: () => dialog.close() }, icon(ICONS.close));
  const dialog = h(
    "dialog",
    { class: "dialog", "aria-labelledby": "keys-title", "data-testid": "shortcuts" },
    h(
      "div",
      { class: "stack" },
      h("div", { class: "dialog-head" }, h("h2", { id: "keys-title" }, t("keys")), close),
      ...KEYS.map(([heading, rows]) => h("section", {}, h("h3", {}, t(heading)), h("dl", { class: "keys-list" }, ...rows.map(line)))),
      h("p", { class: "muted" }, t("keys.marks")),
    ),
  );
  show(dialog);
}

function line([text, keys]) {
  return h("div", {}, h("dt", {}, t(text)), h("dd", {}, ...keys.map((key) => h("kbd", {}, key))));
}
