/** Tells of something that failed, in the page's one list of notices. */

import { errorText } from "../lib/i18n.js";

/** Shows why; it stays until somebody closes it, and interrupts nobody. */
export function tellError(error) {
  document.querySelector("notice-list")?.tell(errorText(error), { code: error.code });
}
