/** What the reader is told, where and when: on this device, by plugins, at which hours, and of which words. */

import { h } from "../../lib/dom.js";
import { t } from "../../lib/i18n.js";
import { frozen } from "../../lib/plugins.js";
import "../later-texts.js";
import { noticeSound } from "./notice-sound.js";
import { pluginParts } from "./plugin-parts.js";
import { quietHours } from "./quiet-hours.js";
import { toldWords } from "./told-words.js";

export function notificationsPage({ notices, places, session, store }) {
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
  const { account } = session.preferences;
  return h(
    "div",
    { class: "stack" },
    h("label", { class: "check" }, box, h("span", {}, t("notice.desktop"))),
    h("p", { class: "muted" }, t("notice.lead")),
    hint,
    noticeSound(notices),
    pluginParts(places, "notifications.parts/v1", { user: frozen(store.me) }),
    quietHours(account),
    toldWords(account),
  );
}
