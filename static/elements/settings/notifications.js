/** Whether messages to me come to the desktop of this device. */

import { h } from "../../lib/dom.js";
import { t } from "../../lib/i18n.js";
import "../later-texts.js";

export function notificationsPage({ notices }) {
  const box = h("input", { type: "checkbox", "data-testid": "desktop", onchange: () => void change() });
  const hint = h("p", { class: "muted", role: "status", "data-testid": "desktop-hint" });

  function draw() {
    const state = notices.desktop;
    box.checked = state === "on";
    box.disabled = state === "denied" || state === "missing";
    hint.textContent = { denied: t("notice.denied"), missing: t("notice.missing") }[state] ?? "";
  }

  async function change() {
    await notices.switchDesktop(box.checked);
    draw();
  }

  draw();
  return h("div", { class: "stack" }, h("label", { class: "check" }, box, h("span", {}, t("notice.desktop"))), h("p", { class: "muted" }, t("notice.lead")), hint);
}
