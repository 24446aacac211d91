/** Shows what plugins have put into the page's places, and keeps their faults there. */

import { h, icon } from "../lib/dom.js";
import { errorText, t } from "../lib/i18n.js";
import { complain } from "../lib/plugins.js";

const FAULT_MS = 30_000; // for which a fault stands beside its button

/**
 * A button for an item with `run`. What `run` rejects with is shown beside it. The `label` is the item's own, or given with
 * the attributes.
 * @param {any} attributes
 */
export function placeButton(item, context, attributes = {}) {
  const { label = labelOf(item), ...others } = attributes;
  return h(
    "button",
    {
      type: "button",
      title: label,
      "aria-label": label,
      "data-testid": `place-${item.key}`,
      ...others,
      onclick: ({ currentTarget }) => void attempt(item, () => item.run(context()), currentTarget),
    },
    icon(item.icon),
  );
}

/** Shows buttons in place of those that are there; the focus goes to the one that does the same. */
export function replaceButtons(parent, buttons) {
  const focused = parent.contains(document.activeElement) ? document.activeElement.dataset.testid : null;
  parent.replaceChildren(...buttons);
  if (focused) parent.querySelector(`[data-testid="${focused}"]`)?.focus();
}

/** `context` is what `run` would get, if there is any. */
export function labelOf(item, context = undefined) {
  try {
    return String(item.label(context));
  } catch (error) {
    complain(item.plugin, error);
    return item.key;
  }
}

/** Calls something of an item; a fault is shown in the next `data-faults` around `near`, or after it, with a way to try again. */
export async function attempt(item, action, near) {
  const faults = near.closest("[data-faults]");
  try {
    await action();
  } catch (error) {
    complain(item.plugin, error);
    const again = () => {
      fault.remove();
      void attempt(item, action, near);
    };
    const fault = faultLine(item, error, again);
    for (const old of (faults ?? near.parentNode)?.querySelectorAll?.(".plugin-fault") ?? []) if (old.dataset.item === item.key) old.remove();
    if (faults) faults.append(fault);
    else near.after(fault);
    setTimeout(() => fault.remove(), FAULT_MS);
  }
}

/** What failed, and a button that calls `again`. */
export function faultLine(item, error, again) {
  const reason = error?.code ? errorText(error) : t("plugin.broken");
  const text = h("span", { "data-testid": "plugin-fault" }, t("plugin.failed", { plugin: item.plugin, reason }));
  const retry = h("button", { class: "link", type: "button", "data-testid": "plugin-again", onclick: again }, t("plugin.again"));
  return h("p", { class: "plugin-fault", role: "alert", "data-item": item.key }, text, " ", retry);
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

  /** What the server refuses to an element that is gone concerns nobody, as of a room that was deleted meanwhile. */
  #failed(inside, error) {
    const isGone = inside.parentNode !== this || !this.isConnected;
    if (!isGone || !error?.code) complain(this.item.plugin, error);
    if (isGone) return;
    this.replaceChildren(faultLine(this.item, error, () => this.#mount()));
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
