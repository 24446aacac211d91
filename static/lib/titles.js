/** What rooms are called on the page, and how titles are compared with what one looks for. No DOM. */

import { t } from "./i18n.js";

/** Direct rooms have no name of their own. */
export function roomTitle(room) {
  return room.name || t(room.kind === "direct" ? "room.direct" : "room.name");
}

/** What is compared when one looks for a text. */
export function plain(text) {
  return text.normalize("NFKC").toLowerCase();
}
