/** A coloured initial for a user, or the drawing of a room: decoration beside a name. Pictures on it come later (avatar-pictures.js). */

import { h } from "../lib/dom.js";

const HUES = 8;
let draw = null;

export function avatar({ id, name }) {
  let sum = 0;
  for (const character of id) sum = (sum * 31 + character.codePointAt(0)) % 65_521;
  const [initial = "?"] = name.trim();
  const node = h("span", { class: `avatar hue-${sum % HUES}`, "aria-hidden": "true", "data-of": id }, initial.toUpperCase());
  draw?.(node);
  return node;
}

/** The drawing of a room (id). */
export function roomSign(id, drawing) {
  const node = h("span", { class: "room-sign", "aria-hidden": "true", "data-of": id, "data-is": "room" }, drawing);
  draw?.(node);
  return node;
}

/** Calls `drawing` with each avatar that is made from now on, and those in the document. */
export function drawAvatars(drawing) {
  draw = drawing;
  document.querySelectorAll(".avatar, .room-sign").forEach(draw);
}
