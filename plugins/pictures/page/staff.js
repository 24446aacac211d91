/** The picture of an account, which staff of the server may remove. */

import { button, make, shown, styled } from "./make.js";
import { TEXTS } from "./texts.js";

export async function showOf(page, element, { id }) {
  page.texts(TEXTS);
  page.texts({ en: { noneOf: "No picture." }, ja: { noneOf: "画像はありません。" } });
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
  const picture = pictures[id] ? shown(page, pictures[id]) : make("p", { className: "muted", textContent: page.t("noneOf") });
  element.replaceChildren(picture, buttons, fault);
}
