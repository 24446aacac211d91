/** Unsent messages of rooms that their author is not in any more: each with its reason, to be copied or discarded. */

import { h, icon, ICONS } from "../lib/dom.js";
import { errorText, formatDay, formatTime, t } from "../lib/i18n.js";
import { roomTitle } from "../lib/titles.js";
import { show } from "./dialogs.js";
import "./later-texts.js";

export function showUnsent({ session, store }) {
  const { outbox } = session;
  const said = h("p", { class: "muted", role: "status", "data-testid": "unsent-said" });
  let shown = "";
  const list = h("ul", { class: "found-list", "data-testid": "unsent" });
  const close = h("button", { class: "round", type: "button", title: t("close"), "aria-label": t("close"), onclick: () => dialog.close() }, icon(ICONS.close));
  const dialog = h(
    "dialog",
    { class: "dialog", "aria-labelledby": "unsent-title", "data-testid": "unsent-dialog" },
    h("div", { class: "stack" }, h("div", { class: "dialog-head" }, h("h2", { id: "unsent-title" }, t("unsent.title")), close), said, list),
  );

  function row({ room, at, body, error, client_id: id }) {
    const date = new Date(at);
    const known = store.room(room);
    const text = h("p", { class: "found-body", dir: "auto", "data-testid": "unsent-text" }, body);
    return h(
      "li",
      { class: "stack", "data-testid": "unsent-message" },
      h(
        "span",
        { class: "found-head muted" },
        h("strong", { dir: "auto" }, known ? roomTitle(known) : t("unsent.room")),
        h("time", { datetime: at }, `${formatDay(date)} ${formatTime(date)}`),
      ),
      text,
      error && h("span", { class: "form-error" }, errorText(error)),
      h(
        "div",
        { class: "dialog-buttons" },
        h("button", { class: "quiet", type: "button", "data-testid": "unsent-copy", onclick: () => void copy(body, text) }, t("unsent.copy")),
        h("button", { class: "quiet", type: "button", "data-testid": "unsent-discard", onclick: () => discard(id) }, t("message.discard")),
      ),
    );
  }

  /** Where the page may not write to the clipboard, its reader can. */
  async function copy(body, text) {
    try {
      await navigator.clipboard.writeText(body);
      tell("unsent.copied");
    } catch {
      getSelection().selectAllChildren(text);
      tell("unsent.selected");
    }
  }

  function discard(id) {
    outbox.discard(id);
    if (list.childElementCount) tell("unsent.discarded");
  }

  function tell(key) {
    said.textContent = t(key);
  }

  function draw() {
    const entries = outbox.outside(store.joined());
    const now = JSON.stringify(entries.map(({ client_id: id, error }) => [id, error]));
    if (now === shown) return; // a button may be pressed at this moment
    shown = now;
    const hadFocus = list.contains(document.activeElement);
    list.replaceChildren(...entries.map(row));
    if (hadFocus) (list.querySelector("button") ?? close).focus();
    if (entries.length === 0) tell("unsent.none");
  }

  const ended = new AbortController();
  outbox.addEventListener("change", draw, ended);
  dialog.addEventListener("close", () => ended.abort());
  draw();
  show(dialog);
}
