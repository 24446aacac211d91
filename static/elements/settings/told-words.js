/** Words of which the reader is told as if they were mentioned, on all their devices. */

import { h } from "../../lib/dom.js";
import { t } from "../../lib/i18n.js";
import { MOST_WORDS, WORDS } from "../../lib/wishes.js";

const MOST_CHARS = 500; // of a preference

export function toldWords(account) {
  const field = h("textarea", { rows: "4", dir: "auto", spellcheck: "false", "aria-describedby": "words-lead", "data-testid": "told-words" });
  const status = h("p", { class: "muted", role: "status" });

  function save(event) {
    event.preventDefault();
    const words = [...new Set(field.value.split(/[\n,、]/).map((word) => word.trim()).filter(Boolean))];
    const text = words.join("\n");
    const isTooMuch = words.length > MOST_WORDS || text.length > MOST_CHARS;
    status.textContent = isTooMuch ? t("words.most", { most: MOST_WORDS, chars: MOST_CHARS }) : t("settings.saved");
    if (!isTooMuch) account.set({ [WORDS]: text || null });
  }

  function draw() {
    if (document.activeElement !== field) field.value = account.get(WORDS) ?? "";
  }

  const box = h(
    "section",
    { class: "stack", "aria-label": t("words") },
    h("h3", {}, t("words")),
    h("p", { class: "muted", id: "words-lead" }, t("words.lead")),
    h(
      "form",
      { class: "stack", onsubmit: save },
      h("label", { class: "field" }, h("span", {}, t("words.label")), field),
      h("div", {}, h("button", { class: "primary", type: "submit", "data-testid": "words-save" }, t("settings.save"))),
    ),
    status,
  );
  const follow = () => (box.isConnected ? draw() : account.removeEventListener("change", follow));
  account.addEventListener("change", follow);
  draw();
  return box;
}
