/** The dialog by which somebody reports a message. */

import { make, styled } from "./make.js";
import { TEXTS } from "./texts.js";
import { expect } from "./watch.js";

const REASONS = ["spam", "harassment", "illegal", "other"];

/** Asks for the reason and sends the report. Resolves when the dialog is closed; a refusal is shown, and it stays. */
export function askReport(page, { id: message, room, author, body }) {
  page.texts(TEXTS);
  styled();
  const fault = make("p", { className: "reports-fault", role: "alert" });
  const text = make("textarea", { name: "text", rows: 3, maxLength: 500, dir: "auto" });
  const submit = make("button", { className: "primary", textContent: page.t("send") });
  const close = make("button", { type: "button", className: "quiet", textContent: page.t("cancel"), onclick: () => dialog.close() });
  const form = make(
    "form",
    { onsubmit: (event) => void send(event) },
    make("h2", { id: "report-title", textContent: page.t("report") }),
    make("p", { className: "muted", textContent: page.t("lead") }),
    make("blockquote", { className: "reports-message" }, make("strong", { textContent: author.name, dir: "auto" }), make("p", { textContent: body, dir: "auto" })),
    make("fieldset", { className: "reports-reasons" }, make("legend", { textContent: page.t("reason") }), ...REASONS.map((value) => choice(page, value))),
    make("label", { className: "field" }, make("span", { textContent: page.t("more") }), text),
    fault,
    make("div", { className: "dialog-buttons" }, close, submit),
  );
  const dialog = make("dialog", { className: "dialog reports-dialog" }, form);
  dialog.setAttribute("aria-labelledby", "report-title");

  async function send(event) {
    event.preventDefault();
    submit.disabled = true;
    fault.textContent = "";
    try {
      const reason = new FormData(form).get("reason");
      const answer = await page.call("report", { room, message, reason, text: text.value.trim() });
      expect();
      dialog.close();
      await page.notify({ title: page.t(answer.new ? "sent" : "changed"), body: page.t("sentMore") });
    } catch (refusal) {
      fault.textContent = page.errorText(refusal);
      submit.disabled = false;
      if (document.activeElement === document.body) submit.focus(); // which a disabled button loses
    }
  }

  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve();
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

function choice(page, value) {
  return make("label", { className: "check" }, make("input", { type: "radio", name: "reason", value, required: true }), make("span", { textContent: page.t(`reason.${value}`) }));
}
