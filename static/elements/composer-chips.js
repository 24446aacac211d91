/** The chips of what is attached to the message that is being written: name, progress or fault, and a button to remove. */

import { h, icon, ICONS } from "../lib/dom.js";
import { errorText, t } from "../lib/i18n.js";

/** `attached` as in lib/attached.js. */
export function chips(attached) {
  return attached.items.map((item) => {
    const { label, progress, error, again, value, isLater } = item;
    const remove = t("composer.remove", { name: label });
    const isWaiting = value === null && !error && !isLater;
    return h(
      "li",
      { class: "composer-chip", "data-testid": "chip", "data-state": error ? "failed" : isWaiting ? "waiting" : isLater ? "later" : "ready" },
      h("span", { dir: "auto" }, label),
      isLater && !error && h("span", { class: "muted" }, t("composer.fileLater")),
      isWaiting && h("progress", { max: "1", value: progress ?? undefined, "aria-label": label }),
      error && h("span", { class: "plugin-fault", role: "alert" }, error.code ? errorText(error) : t("plugin.broken")),
      again && h("button", { class: "link", type: "button", onclick: () => again() }, t("plugin.again")),
      h(
        "button",
        { class: "round", type: "button", title: remove, "aria-label": remove, "data-testid": "chip-remove", onclick: () => attached.remove(item) },
        icon(ICONS.close),
      ),
    );
  });
}
