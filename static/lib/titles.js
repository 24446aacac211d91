/** What rooms are called on the page, and how titles are compared with what one looks for. No DOM. */

import { t } from "./i18n.js";

/** Direct rooms have no name of their own. */
export function roomTitle(room) {
  return room.name || t(room.kind === "direct" ? "room.direct" : "room.name");
}

/** A text as it is compared with another one. */
export function plain(text) {
  return text.normalize("NFKC").toLowerCase();
}

/** What is compared when one looks for a part of a text: without accents, but for those of kana. */
export function bare(text) {
  return plain(text).normalize("NFD").replace(/[\u0300-\u036f]/g, "").normalize("NFC");
}
