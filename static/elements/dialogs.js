/** Dialogs, and one that asks a yes-or-no question. `<dialog>` keeps the focus and closes on Escape. */

import { h } from "../lib/dom.js";
import { t } from "../lib/i18n.js";

/** Opens a dialog that is gone from the page when it closes. What had the focus before may be gone by then. */
export function show(dialog) {
  document.body.append(dialog);
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (document.activeElement === document.body) document.querySelector("main")?.focus();
  });
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.showModal();
}

/** Resolves with whether the person said yes. */
export function ask(question, yes) {
  return new Promise((resolve) => {
    const dialog = h(
      "dialog",
      { class: "dialog", "aria-label": question, "data-testid": "ask", onclose: () => resolve(dialog.returnValue === "yes") },
      h(
        "form",
        { method: "dialog", class: "stack" },
        h("p", { class: "dialog-question" }, question),
        h(
          "div",
          { class: "dialog-buttons" },
          h("button", { class: "quiet", value: "no" }, t("cancel")),
          h("button", { class: "danger", value: "yes", "data-testid": "ask-yes" }, yes),
        ),
      ),
    );
    show(dialog);
  });
}
