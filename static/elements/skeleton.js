/** Grey bars that stand where rows will be. */

import { h } from "../lib/dom.js";

const BARS = 5;

export function bars(tag) {
  return Array.from({ length: BARS }, () => h(tag, { class: "skeleton", "aria-hidden": "true" }));
}
