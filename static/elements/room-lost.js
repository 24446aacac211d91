/** Says why a room is gone. Loaded when one is. What is said stays until the reader closes it. */

import { t } from "../lib/i18n.js";
import "./later-texts.js";

export function tellDeleted(name) {
  tell(t("room.deleted", { name }));
}

/** Somebody has taken the reader out of it. */
export function tellRemoved(name) {
  tell(t("room.removed", { name }));
}

function tell(text) {
  document.querySelector("notice-list")?.tell(text, { kind: "" });
}
