/**
 * Suggestions above a text field, as a list box: the focus stays in the field, which passes keys on and names the
 * active option (`aria-activedescendant`). Fires "chosen" ({text}) and "active" ({id}: of an option, or null).
 */

import { h } from "../lib/dom.js";
import { said, t } from "../lib/i18n.js";
import { View } from "./view.js";

class SuggestionList extends View {
  listId = "suggestions"; // in the document
  #list;
  #hint;
  #status;
  #options = [];
  #active = -1;

  build() {
    this.#list = h("ul", { id: this.listId, class: "suggestions", role: "listbox", "aria-label": t("command.list"), hidden: true, "data-testid": "suggestions" });
    this.#hint = h("p", { class: "suggestions-hint muted", dir: "auto", hidden: true, "data-testid": "command-usage" });
    this.#status = h("p", { class: "visually-hidden", role: "status" });
    this.append(this.#list, this.#hint, this.#status);
    // A press would take the focus out of the text field before the click comes.
    this.listen(this.#list, "mousedown", (event) => event.preventDefault());
  }

  get isOpen() {
    return this.#options.length > 0;
  }

  get hasActive() {
    return this.#active >= 0;
  }

  /** Shows `[{text, label, about}, …]`; `hint` stands there if there are none. */
  show(options, { hint = "", first = false } = {}) {
    this.#options = options;
    this.#list.replaceChildren(...options.map((option, index) => this.#row(option, index)));
    this.#list.hidden = options.length === 0;
    if (options.length) this.#list.scrollTop = 0; // of an empty one it would only have the page laid out
    this.#hint.textContent = hint;
    this.#hint.hidden = !hint || options.length > 0;
    this.#status.textContent = options.length ? t("command.suggestions", { count: options.length }) : hint;
    this.#setActive(first && options.length ? 0 : -1);
  }

  hide() {
    this.show([]);
  }

  /** Makes the next (1) or previous (-1) option active, around the ends. */
  move(step) {
    const from = this.#active < 0 && step < 0 ? 0 : this.#active;
    this.#setActive((from + step + this.#options.length) % this.#options.length);
  }

  /** Chooses the active option, or the first one. */
  choose() {
    this.#choose(this.#options[Math.max(0, this.#active)]);
  }

  #choose({ text }) {
    this.dispatchEvent(new CustomEvent("chosen", { detail: { text } }));
  }

  #row(option, index) {
    return h(
      "li",
      { id: `${this.listId}-${index}`, role: "option", "aria-selected": "false", "data-testid": "suggestion", onclick: () => this.#choose(option) },
      h("span", { class: "suggestion-label", dir: "auto" }, option.label),
      option.about && h("span", { class: "muted", dir: "auto" }, said(option.about)),
    );
  }

  #setActive(index) {
    this.#active = index;
    for (const [at, row] of [...this.#list.children].entries()) {
      row.setAttribute("aria-selected", String(at === index));
      if (at === index) row.scrollIntoView({ block: "nearest" });
    }
    const id = index < 0 ? null : `${this.listId}-${index}`;
    this.dispatchEvent(new CustomEvent("active", { detail: { id } }));
  }
}

customElements.define("suggestion-list", SuggestionList);
