/**
 * Other ways to send the message that is being written: what plugins have put into `composer.send/v1`, as a menu beside
 * the send button. Needs `places`, `about()` (what `applies` takes) and `context()`, which is null if there is nothing to
 * send.
 */

import { h, icon } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { applies } from "../lib/places.js";
import { attempt, labelOf } from "./plugin-place.js";
import { View } from "./view.js";

const CLOCK = "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM12 8v4l3 2";

class SendMenu extends View {
  places;
  about;
  context;
  #button;
  #menu;

  build() {
    const name = t("composer.later");
    this.#menu = h("div", { class: "menu", role: "menu", "aria-label": name, hidden: true });
    this.#button = h(
      "button",
      { class: "round", type: "button", title: name, "aria-label": name, "aria-haspopup": "menu", "aria-expanded": "false", "data-testid": "send-menu", onclick: () => this.#show(this.#menu.hidden) },
      icon(CLOCK),
    );
    this.append(this.#button, this.#menu);
    this.listen(this.places, "change", ({ detail }) => detail.place === "composer.send/v1" && this.draw());
    this.listen(this, "keydown", (event) => this.#onKey(event));
    this.listen(this, "focusout", ({ relatedTarget }) => this.contains(relatedTarget) || this.#show(false, { focus: false }));
  }

  draw() {
    const items = this.places.in("composer.send/v1").filter((item) => applies(item, this.about()));
    this.hidden = items.length === 0;
    this.#menu.replaceChildren(
      ...items.map((item) =>
        h("button", { type: "button", role: "menuitem", tabindex: "-1", dir: "auto", "data-testid": `place-${item.key}`, onclick: () => this.#choose(item) }, labelOf(item)),
      ),
    );
  }

  #choose(item) {
    this.#show(false);
    const context = this.context();
    if (context) void attempt(item, () => item.run(context), this);
  }

  #show(open, { focus = true } = {}) {
    if (open === !this.#menu.hidden) return;
    this.#menu.hidden = !open;
    this.#button.setAttribute("aria-expanded", String(open));
    if (focus) (open ? this.#menu.firstChild : this.#button).focus();
  }

  #onKey(event) {
    if (this.#menu.hidden) return;
    const items = [...this.#menu.children];
    const at = items.indexOf(document.activeElement);
    const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
    if (event.key === "Escape") this.#show(false);
    else if (next !== undefined) items.at(next % items.length).focus();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}

customElements.define("send-menu", SendMenu);
