/** What a message said before it was edited: a list of its texts, the newest first. */

import { h } from "../lib/dom.js";
import { errorText, formatFull, t } from "../lib/i18n.js";
import { show } from "./dialogs.js";
import "./later-texts.js";

/** Shows the texts of a message, as far as the room shows them to the reader; returns the dialog. */
export function showEdits(session, message) {
  const list = h("ol", { class: "rows edits", "data-testid": "edits", reversed: true });
  const error = h("p", { class: "form-error", role: "alert", "data-testid": "edits-error" });
  const more = h("button", { class: "quiet", type: "button", hidden: true, "data-testid": "edits-more", onclick: () => void load() }, t("edits.older"));
  const close = h("button", { class: "quiet", type: "button", "data-testid": "edits-close", onclick: () => dialog.close() }, t("close"));
  const dialog = h("dialog", { class: "dialog", "aria-labelledby": "edits-title", "data-testid": "edits-dialog" }, h("div", { class: "stack" }, h("h2", { id: "edits-title" }, t("edits.title")), list, error, h("div", { class: "dialog-buttons" }, more, close)));
  let last = null; // the seq of the oldest that is shown

  async function load() {
    error.textContent = "";
    try {
      const page = await session.edits(message.room, message.id, last);
      list.append(...page.versions.map(row));
      last = page.versions.at(-1)?.seq ?? last;
      more.hidden = !page.more;
    } catch (refusal) {
      error.textContent = errorText(refusal);
    }
  }

  void load();
  show(dialog);
  return dialog;
}

function row({ at, body }) {
  return h("li", {}, h("time", { class: "muted", datetime: at }, formatFull(new Date(at))), h("p", { class: "edit-text", dir: "auto", "data-testid": "edit-text" }, body));
}
