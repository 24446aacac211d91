/** A coloured initial for a user. Decoration: the name stands beside it. */

import { h } from "../lib/dom.js";

const HUES = 8;

export function avatar({ id, name }) {
  let sum = 0;
  for (const character of id) sum = (sum * 31 + character.codePointAt(0)) % 65_521;
  const [initial = "?"] = name.trim();
  return h("span", { class: `avatar hue-${sum % HUES}`, "aria-hidden": "true" }, initial.toUpperCase());
}
