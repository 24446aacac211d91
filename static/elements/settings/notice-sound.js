/** Of what this device sounds, and how that is. */

import { h } from "../../lib/dom.js";
import { t } from "../../lib/i18n.js";
import { WISHES } from "../../lib/sounds.js";

export function noticeSound(notices) {
  const names = { off: t("sound.off"), direct: t("sound.direct"), all: t("sound.all") };
  const choices = WISHES.map((wish) =>
    h("label", { class: "check" }, h("input", { type: "radio", name: "sound", value: wish, checked: notices.sound === wish, "data-testid": `sound-${wish}` }), h("span", {}, names[wish])),
  );
  const said = h("p", { class: "muted", role: "status", "data-testid": "sound-said" });
  const onclick = async () => {
    const did = await notices.trySound().catch(() => false);
    said.textContent = did ? "" : t("sound.missing");
  };
  return h(
    "div",
    { class: "stack" },
    h("fieldset", { class: "choices", onchange: ({ target }) => notices.switchSound(target.value) }, h("legend", {}, t("sound")), ...choices),
    h("p", { class: "muted" }, t("sound.lead")),
    h("div", {}, h("button", { type: "button", class: "quiet", "data-testid": "sound-try", onclick }, t("sound.try"))),
    said,
  );
}
