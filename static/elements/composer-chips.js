/** The chips of what is attached to the message that is being written: name, progress or fault, and buttons. */

import { h, icon, ICONS } from "../lib/dom.js";
import { errorText, t } from "../lib/i18n.js";
import { loaded } from "./loaded.js";

async function describe(attached, item) {
  (await loaded(import("./describe-dialog.js")))?.describe(attached, item);
}

/** `attached` as in lib/attached.js. */
export function chips(attached) {
  return attached.items.map((item) => {
    const { label, progress, error, again, value, alt, isLater } = item;
    const remove = t("composer.remove", { name: label });
    const isWaiting = value === null && !error && !isLater;
    return h(
      "li",
      { class: "composer-chip", "data-testid": "chip", "data-state": error ? "failed" : isWaiting ? "waiting" : isLater ? "later" : "ready" },
      h("span", { dir: "auto" }, label),
      isLater && !error && h("span", { class: "muted" }, t("composer.fileLater")),
      isWaiting && h("progress", { max: "1", value: progress ?? undefined, "aria-label": label }),
      error && h("span", { class: "plugin-fault", role: "alert" }, error.code ? errorText(error) : t("plugin.broken")),
      alt && h("span", { class: "muted chip-alt", dir: "auto" }, alt),
      alt !== null && h("button", { class: "link", type: "button", "aria-label": t("composer.describeOne", { name: label }), "data-testid": "chip-describe", onclick: () => void describe(attached, item) }, t("composer.describe")),
      again && h("button", { class: "link", type: "button", onclick: () => again() }, t("plugin.again")),
      h(
        "button",
        { class: "round", type: "button", title: remove, "aria-label": remove, "data-testid": "chip-remove", onclick: () => attached.remove(item) },
        icon(ICONS.close),
      ),
    );
  });
}
