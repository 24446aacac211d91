/** What plugins add to a page of the settings: the items of `place`. Needs `places`, and the `context` that they get. */

import { h } from "../../lib/dom.js";
import { labelOf } from "../plugin-place.js";
import { View } from "../view.js";

class PluginParts extends View {
  places;
  context;

  build() {
    this.listen(this.places, "change", ({ detail }) => detail.place === this.dataset.place && this.draw());
  }

  draw() {
    const items = this.places.in(this.dataset.place);
    this.hidden = items.length === 0;
    this.replaceChildren(
      ...items.map((item) => {
        const label = labelOf(item);
        return h("section", { class: "stack", "aria-label": label }, h("h3", { dir: "auto" }, label), h("plugin-place", { item, context: this.context }));
      }),
    );
  }
}

customElements.define("plugin-parts", PluginParts);

/** The items of a place; `context` is what they get. */
export function pluginParts(places, place, context) {
  return h("plugin-parts", { class: "stack", places, context: Object.freeze(context), "data-place": place });
}
