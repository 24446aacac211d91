/** Buttons of plugins in the head of the side bar, each with the number of what is new there. Needs `places`. */

import { h, icon } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { complain } from "../lib/plugins.js";
import { loaded } from "./loaded.js";
import { labelOf, replaceButtons } from "./plugin-place.js";
import { View } from "./view.js";

const PLACE = "side.panels/v1";
const MOST = 99;

/** The items of plugins that have a panel. */
export function sidePanels(places) {
  return places.in(PLACE);
}

export async function openSidePanel(item) {
  (await loaded(import("./side-panel.js")))?.openPanel(item, labelOf(item));
}

class SidePanels extends View {
  places;
  #ends = new AbortController(); // of the counts that are shown

  build() {
    this.listen(this.places, "change", ({ detail }) => detail.place === PLACE && this.draw());
  }

  draw() {
    this.teardown();
    replaceButtons(this, sidePanels(this.places).map((item) => this.#button(item)));
  }

  teardown() {
    this.#ends.abort();
    this.#ends = new AbortController();
  }

  #button(item) {
    const label = labelOf(item);
    const badge = h("span", { class: "badge mention", hidden: true });
    const button = h("button", { class: "round", type: "button", title: label, "aria-label": label, "data-testid": `place-${item.key}`, onclick: () => void openSidePanel(item) }, icon(item.icon), badge);
    const show = (count) => {
      badge.hidden = !count;
      badge.textContent = count > MOST ? `${MOST}+` : String(count);
      button.setAttribute("aria-label", count ? `${label}, ${t("rooms.unread", { count: badge.textContent })}` : label);
    };
    try {
      const end = item.count?.(show);
      if (end) this.#ends.signal.addEventListener("abort", end);
    } catch (error) {
      complain(item.plugin, error);
    }
    return button;
  }
}

customElements.define("side-panels", SidePanels);
