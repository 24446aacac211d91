/** Says whether a link for an e-mail address counted. Loaded when one is opened. */

import { h } from "../lib/dom.js";
import { errorText, t } from "../lib/i18n.js";
import { show } from "./dialogs.js";
import "./later-texts.js";

/** `error` is null if it did. */
export function tellConfirmed(error) {
  const dialog = h(
    "dialog",
    { class: "dialog", "data-testid": "email-confirmed" },
    h("p", { role: "status" }, error ? errorText(error) : t("email.confirmed")),
    h("div", { class: "dialog-buttons" }, h("button", { class: "primary", type: "button", onclick: () => dialog.close() }, t("close"))),
  );
  show(dialog);
}
