/** Drafts on all devices: what is written here is saved on the server, and what was written elsewhere stands in the composer. */

import { Known } from "./known.js";
import { Syncing } from "./syncing.js";

export default function begin(page) {
  const syncing = new Syncing({ page, known: new Known(storage()) });
  page.onDraft((draft) => syncing.onDraft(draft));
  page.onSignedOut(() => syncing.forget());
  page.hear("changed", ({ missed, payload }) => (missed ? syncing.begin() : syncing.onChanged(payload)));
  document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && syncing.flush());
}

function storage() {
  try {
    return localStorage;
  } catch {
    return null; // the browser blocks it: what was saved is known until the page is loaded again
  }
}
