/** What plugins add to a page of the settings: the items of `place`. Needs `places`, and the `context` that they get. */

import { h } from "../../lib/dom.js";
import { PlacedParts } from "../placed-parts.js";
import { View } from "../view.js";

class PluginParts extends View {
  places;
  context;
  #parts;

  build() {
    this.#parts = new PlacedParts(this, this.context);
    this.listen(this.places, "change", ({ detail }) => detail.place === this.dataset.place && this.draw());
  }

  draw() {
    const items = this.places.in(this.dataset.place);
    this.hidden = items.length === 0;
    this.#parts.show(items);
  }

  /** Has all parts made anew, as what they show has changed. */
  renew() {
    this.#parts.show([]);
    this.draw();
  }
}

customElements.define("plugin-parts", PluginParts);

/** The items of a place; `context` is what they get. */
export function pluginParts(places, place, context) {
  return h("plugin-parts", { class: "stack", places, context, "data-place": place });
}
