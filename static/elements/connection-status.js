/**
 * Says when the connection is away, and why, if it is away for good; when unsent messages would end with the tab; and when
 * some are of rooms that one has left. Needs `session`, `store`, `connection`.
 */

import { h } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { loaded } from "./loaded.js";
import { View } from "./view.js";

const SHOWN_AFTER_MS = 800; // a short gap needs no words

class ConnectionStatus extends View {
  session;
  store;
  connection;
  #code = null;
  #timer = null;
  #late = false;
  #shown = "";

  build() {
    this.#shown = "";
    this.setAttribute("role", "status");
    this.dataset.testid = "connection-status";
    this.listen(this.session, "status", ({ detail }) => {
      this.#code = detail.code ?? this.#code;
      this.redraw();
    });
    this.listen(this.session.outbox, "change", () => this.redraw());
    this.listen(this.store, "change", ({ detail }) => detail.room === null && this.redraw());
    this.listen(window, "offline", () => this.redraw());
    this.listen(window, "online", () => this.redraw());
  }

  teardown() {
    clearTimeout(this.#timer);
  }

  draw() {
    const { status } = this.session;
    this.dataset.status = status;
    const nodes = [...this.#connectionLine(status), ...this.#storageLine(), ...this.#strandedLine()];
    const shown = nodes.map(({ textContent }) => textContent).join(" ");
    if (shown === this.#shown) return; // the button may be pressed at this moment
    this.#shown = shown;
    this.replaceChildren(...nodes);
  }

  #connectionLine(status) {
    if (status === "open" || status === "idle") {
      clearTimeout(this.#timer);
      this.#timer = null;
      this.#late = false;
      return [];
    }
    if (status === "stopped") return line(this.#reason(), "status.reload", () => location.reload());
    if (!navigator.onLine) return line(t("status.offline"), "status.retry", () => this.connection.wake());
    if (this.#late && status === "waiting") return line(t("status.waiting"), "status.retry", () => this.connection.wake());
    if (this.#late) return line(t("status.connecting"));
    this.#timer ??= setTimeout(() => {
      this.#late = true;
      this.draw();
    }, SHOWN_AFTER_MS);
    return [];
  }

  #storageLine() {
    return this.session.outbox.unsafe > 0 ? [h("span", { "data-testid": "storage-status" }, t("status.unsafe"))] : [];
  }

  /** Nothing is known of rooms before the server has told them. */
  #strandedLine() {
    const count = this.store.isKnown ? this.session.outbox.outside(this.store.joined()).length : 0;
    return count ? line(t("status.stranded", { count }), "status.showUnsent", () => void this.#showUnsent()) : [];
  }

  async #showUnsent() {
    const { session, store } = this;
    (await loaded(import("./unsent-dialog.js")))?.showUnsent({ session, store });
  }

  #reason() {
    const key = `status.${this.#code}`;
    return t(key) === key ? t("status.stopped", { code: this.#code }) : t(key);
  }
}

function line(text, action, onclick) {
  const button = action && h("button", { class: "quiet", type: "button", onclick }, t(action));
  return [h("span", {}, text), ...(button ? [button] : [])];
}

customElements.define("connection-status", ConnectionStatus);
