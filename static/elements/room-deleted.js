/** Says that a room was deleted. Loaded when one is. */

import { t } from "../lib/i18n.js";
import "./later-texts.js";

/** It stays until the reader closes it. */
export function tellDeleted(name) {
  document.querySelector("notice-list")?.tell(t("room.deleted", { name }), { kind: "" });
}
