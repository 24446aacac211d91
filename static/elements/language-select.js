/** The choice of language. Fires "language-chosen" ({language}), which bubbles up to the page. */

import { h } from "../lib/dom.js";
import { currentLanguage, LANGUAGES, t } from "../lib/i18n.js";

export function languageSelect() {
  const options = LANGUAGES.map(([tag, name]) =>
    h("option", { value: tag, lang: tag, selected: tag === currentLanguage() }, name),
  );
  const onchange = ({ currentTarget }) =>
    currentTarget.dispatchEvent(
      new CustomEvent("language-chosen", { bubbles: true, detail: { language: currentTarget.value } }),
    );
  return h("select", { class: "language", "aria-label": t("language"), "data-testid": "language", onchange }, ...options);
}
