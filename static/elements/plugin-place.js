/** Shows what plugins have put into the page's places, and keeps their faults there. */

import { h, icon } from "../lib/dom.js";
import { errorText, t } from "../lib/i18n.js";
import { complain } from "../lib/plugins.js";

/** A button for an item with `run`. What `run` rejects with is shown beside it. */
export function placeButton(item, context, attributes = {}) {
  const label = labelOf(item);
  return h(
    "button",
    {
      type: "button",
      title: label,
      "aria-label": label,
      "data-testid": `place-${item.key}`,
      ...attributes,
      onclick: ({ currentTarget }) => void run(item, context(), currentTarget),
    },
    icon(item.icon),
  );
}

export function labelOf(item) {
  try {
    return String(item.label());
  } catch (error) {
    complain(item.plugin, error);
    return item.key;
  }
}

async function run(item, context, button) {
  try {
    await item.run(context);
  } catch (error) {
    complain(item.plugin, error);
    const fault = faultLine(item, error);
    button.closest("[data-faults]")?.append(fault) ?? button.after(fault);
    setTimeout(() => fault.remove(), 8_000);
  }
}

function faultLine(item, error) {
  const reason = error?.code ? errorText(error) : t("plugin.broken");
  return h("p", { class: "plugin-fault", role: "alert", "data-testid": "plugin-fault" }, t("plugin.failed", { plugin: item.plugin, reason }));
}

/** An element that an item with `mount` fills. Needs `item` and `context`, which `mount` gets. */
class PluginPlace extends HTMLElement {
  item;
  context;
  #unmount = null;

  connectedCallback() {
    this.dataset.plugin = this.item.plugin;
    this.#mount();
  }

  disconnectedCallback() {
    this.#clear();
  }

  #mount() {
    const inside = h("div", { class: "plugin-inside" });
    this.replaceChildren(inside);
    try {
      const unmount = this.item.mount(inside, this.context);
      if (typeof unmount?.then === "function") unmount.then((late) => this.#mounted(inside, late), (error) => this.#failed(inside, error));
      else this.#unmount = unmount;
    } catch (error) {
      this.#failed(inside, error);
    }
  }

  /** A mount that had to wait: it may be too late for it. */
  #mounted(inside, unmount) {
    if (inside.parentNode === this && this.isConnected) this.#unmount = unmount;
    else this.#call(unmount);
  }

  #failed(inside, error) {
    complain(this.item.plugin, error);
    if (inside.parentNode !== this) return;
    const again = h("button", { class: "link", type: "button", onclick: () => this.#mount() }, t("plugin.again"));
    this.replaceChildren(h("div", { class: "plugin-place-fault" }, faultLine(this.item, error), again));
  }

  #clear() {
    const unmount = this.#unmount;
    this.#unmount = null;
    this.#call(unmount);
    this.replaceChildren();
  }

  #call(unmount) {
    if (typeof unmount !== "function") return;
    try {
      unmount();
    } catch (error) {
      complain(this.item.plugin, error);
    }
  }
}

customElements.define("plugin-place", PluginPlace);
