/** What plugins add to one's own account: the items of `account.parts/v1`. Needs `places` and `attempt`, which they get. */

import { h } from "../../lib/dom.js";
import { labelOf } from "../plugin-place.js";
import { View } from "../view.js";

class AccountParts extends View {
  places;
  attempt;

  build() {
    this.listen(this.places, "change", ({ detail }) => detail.place === "account.parts/v1" && this.draw());
  }

  draw() {
    const context = Object.freeze({ attempt: this.attempt });
    const items = this.places.in("account.parts/v1");
    this.hidden = items.length === 0;
    this.replaceChildren(
      ...items.map((item) => {
        const label = labelOf(item);
        return h("section", { class: "stack", "aria-label": label }, h("h3", { dir: "auto" }, label), h("plugin-place", { item, context }));
      }),
    );
  }
}

customElements.define("account-parts", AccountParts);
