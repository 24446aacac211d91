/** Asks for a room's name before the room is deleted for good. */

import { enable, h } from "../lib/dom.js";
import { errorText, t } from "../lib/i18n.js";
import { show } from "./dialogs.js";
import "./later-texts.js";

/** `remove()` deletes the room; a refusal is shown, and the dialog stays. */
export function askDeletion(name, remove) {
  const error = h("p", { class: "form-error", role: "alert", "data-testid": "delete-room-error" });
  const submit = h("button", { class: "danger", "data-testid": "delete-room-do" }, t("room.deleteDo"));
  const typed = h("input", { name: "name", required: true, dir: "auto", autocomplete: "off", autocapitalize: "none", spellcheck: "false", "data-testid": "delete-room-name" });
  const form = h(
    "form",
    { class: "stack", onsubmit: (event) => void onSubmit(event) },
    h("h2", { id: "delete-room-title", dir: "auto" }, t("room.deleteTitle", { name })),
    h("p", { class: "muted" }, t("room.deleteLead")),
    h("label", { class: "field" }, h("span", { dir: "auto" }, t("room.deleteType", { name })), typed),
    error,
    h("div", { class: "dialog-buttons" }, h("button", { class: "quiet", type: "button", onclick: () => dialog.close() }, t("cancel")), submit),
  );
  const dialog = h("dialog", { class: "dialog", "aria-labelledby": "delete-room-title", "data-testid": "delete-room-dialog" }, form);

  async function onSubmit(event) {
    event.preventDefault();
    if (typed.value.trim() !== name.trim()) {
      error.textContent = t("room.deleteOther");
      return;
    }
    submit.disabled = true;
    error.textContent = "";
    try {
      await remove();
      dialog.close();
    } catch (refusal) {
      error.textContent = errorText(refusal);
      enable(submit);
    }
  }

  show(dialog);
}
