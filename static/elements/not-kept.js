/**
 * Says, while there is no connection, that a room's messages are not in this browser. Needs `session`, `store` and the
 * attribute data-room.
 */

import { h } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { View } from "./view.js";

class NotKept extends View {
  session;
  store;
  #isAway = false;

  build() {
    this.setAttribute("role", "status");
    this.dataset.testid = "not-kept";
    this.#onStatus();
    this.listen(this.session, "status", () => this.#onStatus());
    this.listen(window, "offline", () => this.#onStatus());
    this.listen(this.store, "change", ({ detail }) => (detail.room === null || detail.room === this.dataset.room) && this.redrawSoon());
    this.redraw(); // a screen reader says what comes into a status that it knows already
  }

  /** Between two attempts the connection is still away. */
  #onStatus() {
    const { status } = this.session;
    if (status === "open") this.#isAway = false;
    else if (status === "waiting" || status === "stopped" || !navigator.onLine) this.#isAway = true;
    this.redraw();
  }

  draw() {
    if (!this.isConnected) return;
    const isShown = this.#isAway && !this.store.room(this.dataset.room)?.loaded;
    if (isShown === this.hasChildNodes()) return;
    this.replaceChildren(...(isShown ? [h("strong", {}, t("room.notKept")), h("span", {}, t("room.notKeptLead"))] : []));
  }
}

customElements.define("not-kept", NotKept);
