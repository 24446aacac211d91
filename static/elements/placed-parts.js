/** Parts of plugins in the settings or in a dialog: each is made once, and stays as it is while others come and go. */

import { h } from "../lib/dom.js";
import { Keyed } from "./keyed.js";
import { labelOf } from "./plugin-place.js";

export class PlacedParts {
  #sections;

  /** `parent` gets a section for each item, with its label as a heading if it is to be seen; `context` is what items get. */
  constructor(parent, context, { headings = true } = {}) {
    this.#sections = new Keyed(parent, {
      make: ({ item }) => {
        const heading = headings ? [h("h3", { dir: "auto" })] : [];
        return h("section", { class: headings && "stack" }, ...heading, h("plugin-place", { item, context: Object.freeze(context) }));
      },
      update: (section, { item }) => label(section, labelOf(item)),
    });
  }

  show(items) {
    this.#sections.show(items.map((item) => ({ key: item, item }))); // another one of the same name is a new part
  }
}

function label(section, text) {
  section.setAttribute("aria-label", text);
  const heading = section.querySelector(":scope > h3");
  if (heading) heading.textContent = text;
}
