/** Asks for the reason and the length of a ban. */

import { enable, h } from "../lib/dom.js";
import { errorText, t } from "../lib/i18n.js";
import { show } from "./dialogs.js";
import "./later-texts.js";

const DAY = 86_400;
const LENGTHS = [
  ["", "ban.for.ever"],
  [3_600, "ban.for.hour"],
  [DAY, "ban.for.day"],
  [7 * DAY, "ban.for.week"],
  [30 * DAY, "ban.for.month"],
]; // seconds

/** `ban({reason, seconds})` bans the person; a refusal is shown, and the dialog stays. `seconds` is null for no end. */
export function askBan(name, ban) {
  const error = h("p", { class: "form-error", role: "alert", "data-testid": "ban-error" });
  const submit = h("button", { class: "danger", "data-testid": "ban-do" }, t("ban.do"));
  const form = h(
    "form",
    { class: "stack", onsubmit: (event) => void onSubmit(event) },
    h("h2", { id: "ban-title", dir: "auto" }, t("ban.title", { name })),
    h("p", { class: "muted" }, t("ban.lead")),
    h("label", { class: "field" }, h("span", {}, t("ban.reason")), h("input", { name: "reason", maxlength: "500", dir: "auto", autocomplete: "off", "data-testid": "ban-reason" })),
    h(
      "label",
      { class: "field" },
      h("span", {}, t("ban.length")),
      h("select", { name: "seconds", "data-testid": "ban-length" }, ...LENGTHS.map(([seconds, label]) => h("option", { value: seconds }, t(label)))),
    ),
    error,
    h("div", { class: "dialog-buttons" }, h("button", { class: "quiet", type: "button", onclick: () => dialog.close() }, t("cancel")), submit),
  );
  const dialog = h("dialog", { class: "dialog", "aria-labelledby": "ban-title", "data-testid": "ban-dialog" }, form);

  async function onSubmit(event) {
    event.preventDefault();
    submit.disabled = true;
    error.textContent = "";
    const given = new FormData(form);
    try {
      await ban({ reason: String(given.get("reason")).trim(), seconds: Number(given.get("seconds")) || null });
      dialog.close();
    } catch (refusal) {
      error.textContent = errorText(refusal);
      enable(submit);
    }
  }

  show(dialog);
}
