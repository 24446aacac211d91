/** An answer of a command that only this user sees, as an item of the list of messages. */

import { h, icon, ICONS } from "../lib/dom.js";
import { t } from "../lib/i18n.js";

export function noteRow({ id, command, text }) {
  return h(
    "article",
    { class: "note", tabindex: "-1", "aria-setsize": "-1", "aria-labelledby": `note-${id}-head`, "aria-describedby": `note-${id}-text`, "data-testid": "note" },
    h(
      "div",
      { class: "note-box" },
      h(
        "div",
        { class: "note-head", id: `note-${id}-head` },
        h("strong", { dir: "auto" }, command),
        h("span", { class: "muted" }, t("command.onlyYou")),
        h("button", { class: "round", type: "button", title: t("close"), "aria-label": t("close"), "data-testid": "drop-note", "data-do": "drop" }, icon(ICONS.close)),
      ),
      h("p", { class: "note-body", id: `note-${id}-text`, dir: "auto" }, text),
    ),
  );
}
