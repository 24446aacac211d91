/**
 * The chips of what is attached to the message that is being written: name, progress or fault, and buttons. A chip is
 * made once and changed in place, so that an upload that goes on takes the focus from nobody.
 */

import { h, icon, ICONS, write } from "../lib/dom.js";
import { errorText, t } from "../lib/i18n.js";
import { Keyed } from "./keyed.js";
import { loaded } from "./loaded.js";

async function describe(attached, item) {
  (await loaded(import("./describe-dialog.js")))?.describe(attached, item);
}

export class Chips {
  #list;
  #rows;
  #attached = null; // as in lib/attached.js
  #rest;
  #parts = new WeakMap(); // by chip

  /** `rest()` takes the focus when the last chip was taken away. */
  constructor(list, rest) {
    this.#list = list;
    this.#rest = rest;
    this.#rows = new Keyed(list, { make: (item) => this.#make(item), update: (node, item) => this.#update(node, item) });
  }

  show(attached) {
    this.#attached = attached;
    this.#rows.show(attached.items);
    this.#list.hidden = attached.items.length === 0;
  }

  #make(item) {
    const parts = {
      label: h("span", { dir: "auto" }),
      later: h("span", { class: "muted" }),
      progress: h("progress", { max: "1" }),
      fault: h("span", { class: "plugin-fault", role: "alert" }),
      alt: h("span", { class: "muted chip-alt", dir: "auto" }),
      describe: h("button", { class: "link", type: "button", "data-testid": "chip-describe", onclick: () => void describe(this.#attached, item) }, t("composer.describe")),
      again: h("button", { class: "link", type: "button", onclick: () => item.again?.() }, t("plugin.again")),
      remove: h("button", { class: "round", type: "button", "data-testid": "chip-remove", onclick: () => this.#remove(item) }, icon(ICONS.close)),
    };
    const node = h("li", { class: "composer-chip", "data-testid": "chip" }, ...Object.values(parts));
    this.#parts.set(node, parts);
    return node;
  }

  #update(node, { label, progress, error, again, value, alt, isLater }) {
    const isWaiting = value === null && !error && !isLater;
    const parts = this.#parts.get(node);
    node.dataset.state = error ? "failed" : isWaiting ? "waiting" : isLater ? "later" : "ready";
    write(parts.label, { textContent: label });
    write(parts.later, { hidden: !isLater, textContent: isLater ? t("composer.fileLater") : "" });
    write(parts.progress, { hidden: !isWaiting, ariaLabel: label });
    if (progress === null) parts.progress.removeAttribute("value");
    else write(parts.progress, { value: progress });
    write(parts.fault, { hidden: !error, textContent: !error ? "" : error.code ? errorText(error) : t("plugin.broken") });
    write(parts.alt, { hidden: !alt, textContent: alt ?? "" });
    write(parts.describe, { hidden: alt === null, ariaLabel: t("composer.describeOne", { name: label }) });
    write(parts.again, { hidden: !again });
    const remove = t("composer.remove", { name: label });
    write(parts.remove, { title: remove, ariaLabel: remove });
  }

  #remove(item) {
    const place = this.#attached.items.indexOf(item);
    const { key } = this.#attached.items[place + 1] ?? this.#attached.items[place - 1] ?? {};
    this.#attached.remove(item);
    const next = this.#rows.node(key);
    if (next) this.#parts.get(next).remove.focus();
    else this.#rest();
  }
}
