/** What the button of a plugin in the side bar opens: a dialog that the plugin fills. */

import { h, icon, ICONS } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { show } from "./dialogs.js";
import "./plugin-place.js";

export function openPanel(item, label) {
  const close = () => dialog.close();
  const head = h("div", { class: "dialog-head" }, h("h2", { id: "side-panel-title" }, label), h("button", { class: "round", type: "button", title: t("close"), "aria-label": t("close"), onclick: close }, icon(ICONS.close)));
  const dialog = h(
    "dialog",
    { class: "dialog", "aria-labelledby": "side-panel-title", "data-testid": "side-panel" },
    h("div", { class: "stack" }, head, h("plugin-place", { item, context: Object.freeze({ close }) })),
  );
  show(dialog);
}
