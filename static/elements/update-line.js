/** Says that a new version of the page is there, and shows it when the reader wants. Needs `updates`. */

import { h } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
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
