/** A switch for this device. */

import { make } from "./make.js";
import { areWanted, want } from "./wanted.js";

/** Fills the element. */
export function show(page, element) {
  const box = make("input", { type: "checkbox", checked: areWanted(), testid: "link-previews-wanted" });
  box.addEventListener("change", () => want(box.checked));
  const label = make("label", { className: "check" }, box, make("span", { textContent: page.t("wanted") }));
  element.append(make("p", { className: "muted", textContent: page.t("lead") }), label);
}
