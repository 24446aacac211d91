/** An answer of a command that only this user sees, as an item of the list of messages. */

import { h, icon, ICONS } from "../lib/dom.js";
import { t } from "../lib/i18n.js";

/** `drop()` takes the note away. */
export function noteRow({ command, text }, drop) {
  return h(
    "li",
    { class: "note", "data-testid": "note" },
    h(
      "div",
      { class: "note-head" },
      h("strong", { dir: "auto" }, command),
      h("span", { class: "muted" }, t("command.onlyYou")),
      h("button", { class: "round", type: "button", title: t("close"), "aria-label": t("close"), "data-testid": "drop-note", onclick: drop }, icon(ICONS.close)),
    ),
    h("p", { class: "note-body", dir: "auto" }, text),
  );
}
