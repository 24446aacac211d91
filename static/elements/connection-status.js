/** Says when the connection is away, and why, if it is away for good. Needs `session`, `connection`. */

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

  build() {
    this.setAttribute("role", "status");
    this.dataset.testid = "connection-status";
    this.listen(this.session, "status", ({ detail }) => {
      this.#code = detail.code ?? this.#code;
      this.redraw();
    });
  }

  teardown() {
    clearTimeout(this.#timer);
  }

  draw() {
    const { status } = this.session;
    this.dataset.status = status;
    if (status === "open" || status === "idle") {
      clearTimeout(this.#timer);
      this.#timer = null;
      this.#late = false;
      this.replaceChildren();
    } else if (status === "stopped") {
      this.#say(this.#reason(), "status.reload", () => location.reload());
    } else if (this.#late) {
      if (status === "waiting") this.#say(t("status.waiting"), "status.retry", () => this.connection.wake());
      else this.#say(t("status.connecting"));
    } else {
      this.#timer ??= setTimeout(() => {
        this.#late = true;
        this.draw();
      }, SHOWN_AFTER_MS);
    }
  }

  #reason() {
    const key = `status.${this.#code}`;
    return t(key) === key ? t("status.stopped", { code: this.#code }) : t(key);
  }

  #say(text, action, onclick) {
    this.replaceChildren(h("span", {}, text));
    if (action) this.append(h("button", { class: "quiet", type: "button", onclick }, t(action)));
  }
}

customElements.define("connection-status", ConnectionStatus);
