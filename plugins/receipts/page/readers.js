/** The dialog that says who has read a message. */

import { make, styled } from "./make.js";

const REASONS = ["large", "thread", "imported", "outside"]; // why there are no receipts, as the server says it

/** Resolves when the dialog is closed. */
export async function show(page, message) {
  styled();
  const heading = make("h2", { id: "receipts-heading", textContent: page.t("title") });
  const body = make("div");
  const close = make("button", { type: "button", className: "quiet", textContent: page.t("close"), testid: "receipts-close", onclick: () => dialog.close() });
  const dialog = make("dialog", { className: "dialog receipts-dialog", testid: "receipts" }, heading, body, make("div", { className: "dialog-buttons" }, close));
  dialog.setAttribute("aria-labelledby", heading.id);
  body.setAttribute("aria-live", "polite");
  document.body.append(dialog);
  dialog.showModal();
  const closed = new Promise((resolve) => {
    dialog.addEventListener("close", resolve, { once: true });
  });
  await fill(page, message, heading, body);
  await closed;
  dialog.remove();
}

async function fill(page, message, heading, body) {
  try {
    const { read, of, users } = await page.call("readers", { message });
    if (of) heading.textContent = page.t("heading", { read, of });
    if (users.length) body.append(make("ul", { className: "receipts-readers", testid: "receipts-readers" }, ...users.map(({ name }) => make("li", { dir: "auto", textContent: name }))));
    else body.append(make("p", { textContent: page.t(of ? "nobody" : "nobodyShows") }));
    body.append(make("p", { className: "muted", textContent: page.t("hiders") }));
  } catch (refusal) {
    body.append(make("p", { className: "form-error", role: "alert", textContent: reasonOf(page, refusal) }));
  }
}

function reasonOf(page, refusal) {
  if (refusal.code === "receipts.hidden") return page.t("hidden");
  const { why = "" } = refusal.detail ?? {};
  return refusal.code === "receipts.none" && REASONS.includes(why) ? page.t(why) : page.errorText(refusal);
}
