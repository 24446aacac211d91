/**
 * Says when the connection is away, and why, if it is away for good; and when unsent messages would end with the tab.
 * Needs `session`, `connection`.
 */

import { h } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { View } from "./view.js";

const SHOWN_AFTER_MS = 800; // a short gap needs no words

class ConnectionStatus extends View {
  session;
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
    this.listen(window, "offline", () => this.redraw());
    this.listen(window, "online", () => this.redraw());
  }

  teardown() {
    clearTimeout(this.#timer);
  }

  draw() {
    const { status } = this.session;
    this.dataset.status = status;
    const nodes = [...this.#connectionLine(status), ...this.#storageLine()];
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
