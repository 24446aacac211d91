/** Somebody's status beside their name: the emoji; what it says is its title. */

import { h } from "../lib/dom.js";
import { formatDay, formatTime, t } from "../lib/i18n.js";

const SAYS = "💬"; // of a status without an emoji

/** Null if there is no status. */
export function statusMark(status) {
  if (!status) return null;
  const label = statusLabel(status);
  return h("span", { class: "status-mark", role: "img", title: label, "aria-label": label, "data-testid": "status" }, status.emoji || SAYS);
}

/** Has the status behind a name, or none. */
export function showStatus(name, status) {
  const label = status ? statusLabel(status) : "";
  const [mark] = name.parentNode.getElementsByClassName("status-mark");
  if (mark?.title === label && mark.textContent === (status?.emoji || SAYS)) return;
  mark?.remove();
  if (status) name.after(statusMark(status));
}

/** All that a status says, in one line. */
export function statusLabel({ emoji = "", text = "", until = null }) {
  const said = text || emoji;
  return until ? t("status.until", { text: said, time: endText(new Date(until)) }) : said;
}

/** The time at which something ends, with the day if that is not today. */
export function endText(at, now = new Date()) {
  return at.toDateString() === now.toDateString() ? formatTime(at) : `${formatDay(at, now)} ${formatTime(at)}`;
}
