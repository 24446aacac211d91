/** Tells of something that failed, or was done, in the page's one list of notices. */

import { errorText } from "../lib/i18n.js";

const DONE_MS = 5_000;

/** Shows why; it stays until somebody closes it, and interrupts nobody. */
export function tellError(error) {
  tell(errorText(error), error.code);
}

/** Shows what came of something; it stays, too. `code` names it. */
export function tell(text, code, kind = "failed") {
  list()?.tell(text, { kind, code });
}

/** Shows that something was done, for a few seconds; `code` names it. */
export function tellDone(text, code) {
  list()?.forget(code);
  tell(text, code, "");
  clearTimeout(leaving.get(code));
  leaving.set(code, setTimeout(() => list()?.forget(code), DONE_MS));
}

const leaving = new Map(); // timers, by code

function list() {
  return document.querySelector("notice-list");
}
