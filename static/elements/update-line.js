/**
 * Says that a new version of the page is there, and shows it when the reader wants. Needs `updates`. Loaded when the page
 * is up, since nothing of it is needed before.
 */

import { h } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { Updates } from "../lib/updates.js";
import { View } from "./view.js";

class UpdateLine extends View {
  updates;

  build() {
    this.setAttribute("role", "status");
    this.dataset.testid = "update-line";
    this.listen(this.updates, "available", () => this.draw());
  }

  draw() {
    if (!this.updates.available || this.firstChild) return;
    const show = h("button", { class: "quiet", type: "button", "data-testid": "update-now", onclick: () => this.updates.take() }, t("update.show"));
    this.append(h("span", {}, t("update.there")), show);
  }
}

customElements.define("update-line", UpdateLine);

/** Keeps this page and looks for newer ones from now on. `build` is its version, `before` the worker it was loaded by. */
export function followUpdates(build, before) {
  const updates = new Updates({ container: navigator.serviceWorker, reload: () => location.reload() });
  document.body.append(h("update-line", { updates }));
  void updates.start(build, before);
  return updates;
}
