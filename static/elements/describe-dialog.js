/** Asks what an attached picture shows, for those who do not see it. */

import { h } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { show } from "./dialogs.js";
import "./later-texts.js";

const ALT_CHARS = 1000; // which the server takes

/** `item` is one of `attached` (lib/attached.js). */
export function describe(attached, item) {
  const field = h("textarea", { rows: "4", maxlength: String(ALT_CHARS), dir: "auto", "aria-labelledby": "describe-title", "aria-describedby": "describe-why", "data-testid": "describe-text" });
  field.value = item.alt;
  const form = h(
    "form",
    { class: "stack", onsubmit },
    h("h2", { id: "describe-title", dir: "auto" }, t("composer.describeOne", { name: item.label })),
    h("p", { class: "muted", id: "describe-why" }, t("describe.why")),
    field,
    h(
      "div",
      { class: "dialog-buttons" },
      h("button", { class: "quiet", type: "button", onclick: () => dialog.close() }, t("cancel")),
      h("button", { class: "primary", "data-testid": "describe-save" }, t("describe.save")),
    ),
  );
  const dialog = h("dialog", { class: "dialog", "aria-labelledby": "describe-title", "data-testid": "describe-dialog" }, form);
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });

  function onsubmit(event) {
    event.preventDefault();
    attached.describe(item, field.value.trim());
    dialog.close();
  }

  show(dialog);
  field.focus();
}
