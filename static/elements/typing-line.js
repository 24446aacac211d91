/** Shows the names of those typing in a room. Needs `store` and the attribute data-room. */

import { t } from "../lib/i18n.js";
import { View } from "./view.js";

class TypingLine extends View {
  store;
  #timer = null;

  build() {
    this.dataset.testid = "typing";
    this.listen(this.store, "change", ({ detail }) => detail.room === this.dataset.room && detail.only !== "read" && this.redrawSoon());
    this.listen(this.store, "blocked", () => this.redraw());
  }

  teardown() {
    clearTimeout(this.#timer);
  }

  draw() {
    const { names, until } = this.store.typingIn(this.dataset.room);
    const [a, b] = names;
    const key = ["one", "two"][names.length - 1] ?? "many";
    this.textContent = names.length ? t(`typing.${key}`, { a, b }) : "";
    clearTimeout(this.#timer);
    if (until !== null) this.#timer = setTimeout(() => this.draw(), until - Date.now() + 50);
  }
}

customElements.define("typing-line", TypingLine);
