/** Whether others are shown what the reader has read, in the settings. */

import { make } from "./make.js";

/** Fills the element; returns what ends it. `settled(terms)` is told what holds now, `choices` what it is elsewhere. */
export async function show(page, element, { terms, choices, settled }) {
  const known = terms ?? (await page.call("get"));
  const box = make("input", { type: "checkbox", checked: known.shown, testid: "receipts-shown" });
  const said = make("p", { className: "muted" });
  said.setAttribute("role", "status");
  const fault = make("p", { className: "form-error", role: "alert" });
  const lead = make("p", { className: "muted", textContent: page.t(known.rooms === "direct" ? "leadDirect" : "lead") });
  element.append(make("label", { className: "check" }, box, make("span", { textContent: page.t("choose") })), lead, fault, said);

  box.onchange = async () => {
    said.textContent = fault.textContent = "";
    try {
      settled(await page.call("choose", { shown: box.checked }));
      said.textContent = page.t("saved");
    } catch (refusal) {
      box.checked = !box.checked;
      fault.textContent = page.errorText(refusal);
    }
  };
  const draw = ({ shown }) => {
    box.checked = shown;
  };
  choices.add(draw);
  return () => choices.delete(draw);
}
