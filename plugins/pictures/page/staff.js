/** The picture of an account, which staff of the server may remove. */

import { button, make, shown, styled } from "./make.js";
import { TEXTS } from "./texts.js";

export async function showOf(page, element, { id }) {
  page.texts(TEXTS);
  page.texts({ en: { none: "No picture." }, ja: { none: "画像はありません。" } });
  styled();
  const fault = make("p", { className: "form-error" });
  fault.role = "alert";
  const { pictures } = await page.call("of", { users: [id] });
  const remove = button("remove", page.t("remove"), async () => {
    fault.textContent = "";
    try {
      await page.request("DELETE", `/api/v1/users/${encodeURIComponent(id)}/picture`);
      element.replaceChildren(make("p", { className: "muted", textContent: page.t("removed") }));
    } catch (error) {
      fault.textContent = page.errorText(error);
    }
  });
  const buttons = make("div", { className: "pictures-buttons", hidden: !pictures[id] }, remove);
  element.replaceChildren(shown(page, pictures[id]), buttons, fault);
}
