/** A text that can only be read and copied, such as a link. */

import { h } from "../../lib/dom.js";
import { t } from "../../lib/i18n.js";
import "../later-texts.js";

export function copyField({ value, label, testid }) {
  const input = h("input", { value, readonly: true, dir: "ltr", "aria-label": label, "data-testid": testid, onfocus: () => input.select() });
  const said = h("span", { class: "muted", role: "status" });
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(value);
      said.textContent = t("copy.done");
    } catch {
      input.focus(); // where the browser has no clipboard, the text is selected
    }
  };
  return h("div", { class: "copy-field" }, input, h("button", { class: "quiet", type: "button", onclick: () => void copy() }, t("copy")), said);
}
