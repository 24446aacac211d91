/** Theme and density, for all devices of the reader. */

import { chooseAppearance, CHOICES, chosenAppearance } from "../../lib/appearance.js";
import { h } from "../../lib/dom.js";
import { t } from "../../lib/i18n.js";
import "../later-texts.js";

export function appearancePage({ session }) {
  const { account } = session.preferences;
  const sets = Object.entries(CHOICES).map(([name, values]) =>
    h("fieldset", { class: "choices" }, h("legend", {}, t(`appearance.${name}`)), ...values.map((value) => choice(name, value, account))),
  );
  const page = h("div", { class: "stack" }, h("p", { class: "muted" }, t("appearance.lead")), ...sets);
  const draw = () => {
    const chosen = chosenAppearance(account);
    for (const input of page.querySelectorAll("input")) input.checked = chosen[input.name] === input.value;
  };
  const follow = () => (page.isConnected ? draw() : account.removeEventListener("change", follow));
  account.addEventListener("change", follow);
  draw();
  return page;
}

function choice(name, value, account) {
  const onchange = () => chooseAppearance(name, value, account);
  return h("label", { class: "choice" }, h("input", { type: "radio", name, value, onchange, "data-testid": `${name}-${value}` }), h("span", {}, t(`appearance.${value}`)));
}
