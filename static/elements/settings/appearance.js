/** Theme and density, for this device alone. */

import { chooseAppearance, CHOICES, chosenAppearance } from "../../lib/appearance.js";
import { h, showAppearance } from "../../lib/dom.js";
import { t } from "../../lib/i18n.js";

const storage = () => localStorage;

export function appearancePage() {
  const chosen = chosenAppearance(storage);
  const sets = Object.entries(CHOICES).map(([name, values]) =>
    h("fieldset", { class: "choices" }, h("legend", {}, t(`appearance.${name}`)), ...values.map((value) => choice(name, value, chosen[name] === value))),
  );
  return h("div", { class: "stack" }, h("p", { class: "muted" }, t("appearance.lead")), ...sets);
}

function choice(name, value, checked) {
  const onchange = () => showAppearance(chooseAppearance(name, value, storage));
  return h(
    "label",
    { class: "choice" },
    h("input", { type: "radio", name, value, checked, onchange, "data-testid": `${name}-${value}` }),
    h("span", {}, t(`appearance.${value}`)),
  );
}
