/** How far the files of a message on its way are uploaded, and a button that gives the message up. */

import { h } from "../lib/dom.js";
import { locale, t } from "../lib/i18n.js";
import "./later-texts.js";

/** `why` it waits, if it does; `progress` of the message is from 0 to 1, or not there before its turn. */
export function uploadState({ progress = 0 }, why) {
  const state = why ?? t("message.uploading", { percent: new Intl.NumberFormat(locale(), { style: "percent" }).format(progress) });
  const bar = !why && h("progress", { max: "1", value: String(progress), "aria-label": state });
  const cancel = h("button", { class: "link", type: "button", "data-do": "discard", "data-testid": "upload-cancel" }, t("cancel"));
  return h("p", { class: "message-state", "data-testid": "upload-state" }, state, " ", bar, " ", cancel);
}
