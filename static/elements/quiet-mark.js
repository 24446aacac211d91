/**
 * The mark at the reader's own name while they are not to be disturbed, which says until when. Loaded once they have
 * preferences about notices.
 */

import { h, icon, ICONS } from "../lib/dom.js";
import { addTexts, t } from "../lib/i18n.js";
import { isTimed, quietUntil } from "../lib/wishes.js";
import en from "../texts/quiet/en.js";
import ja from "../texts/quiet/ja.js";
import { endText } from "./status-mark.js";

addTexts({ en, ja });

const MINUTE_MS = 60_000; // hours of the week begin and end with a minute

export class QuietMark {
  #name;
  #account;
  #signal;
  #timer = 0;
  #mark = null;

  /** What the mark says; empty while there is none. */
  label = "";

  /** `name` is the node beside which the mark stands, until `signal` aborts; `account` is AccountPreferences. */
  constructor({ name, account, signal }) {
    this.#name = name;
    this.#account = account;
    this.#signal = signal;
    signal.addEventListener("abort", () => clearTimeout(this.#timer));
  }

  draw() {
    clearTimeout(this.#timer);
    if (this.#signal.aborted) return;
    const now = Date.now();
    const until = quietUntil(this.#account, now);
    this.#show(until === null ? "" : until === Infinity ? t("quiet.on") : t("quiet.onUntil", { time: endText(new Date(until)) }));
    if (isTimed(this.#account, now)) this.#timer = setTimeout(() => this.draw(), Math.min(until ?? Infinity, now - (now % MINUTE_MS) + MINUTE_MS) - now);
  }

  #show(label) {
    if (label === this.label) return;
    this.label = label;
    this.#mark?.remove();
    this.#mark = label ? h("span", { class: "muted", role: "img", title: label, "aria-label": label, "data-testid": "quiet-mark" }, icon(ICONS.silent)) : null;
    if (this.#mark) this.#name.parentNode.append(this.#mark);
  }
}
