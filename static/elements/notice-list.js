/**
 * Notices in the page, newest last: notifications, faults of their filters, what failed, and what was done. All but the last stay until they are
 * closed, by their button or, the newest first, by Escape. A screen reader says them when it has time. Needs `notices`.
 * Fires "room-opened" and "message-chosen".
 */

import { h, icon, ICONS } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { faultLine } from "./plugin-place.js";
import { tellDone } from "./toasts.js";
import { View } from "./view.js";

const MOST = 4;

class NoticeList extends View {
  notices;
  #from = null; // what had the focus before it came here

  build() {
    this.setAttribute("role", "status");
    this.listen(this.notices, "notice", ({ detail }) => this.#add(this.#notice(detail.notice)));
    this.listen(this.notices, "done", ({ detail }) => tellDone(detail.text, detail.plugin));
    this.listen(this.notices, "fault", ({ detail }) => this.#add(this.#fault(detail)));
    this.listen(this.notices, "chosen", ({ detail }) => this.#open(detail));
    this.listen(this, "focusin", ({ relatedTarget }) => {
      if (relatedTarget && !this.contains(relatedTarget)) this.#from = relatedTarget;
    });
  }

  /** Shows a text about something that failed, or only happened; the same one is there once. */
  tell(text, { kind = "failed", code = "" } = {}) {
    for (const row of this.querySelectorAll(".notice-row.failed")) if (row.textContent === text) row.remove();
    this.#add([h("p", { dir: "auto" }, text)], kind, code);
  }

  /** Closes the notices of errors with this code, which hold no longer. */
  forget(code) {
    for (const row of this.querySelectorAll(".notice-row")) if (row.dataset.code === code) this.#remove(row);
  }

  /** Closes the newest notice. Returns false if there is none. */
  closeNewest() {
    if (!this.lastChild) return false;
    this.#remove(this.lastChild);
    return true;
  }

  #add(content, kind = "", code = "") {
    const close = h(
      "button",
      { class: "round", type: "button", title: t("close"), "aria-label": t("close"), "data-testid": "notice-close", onclick: () => this.#remove(row) },
      icon(ICONS.close),
    );
    const row = h("div", { class: `notice-row ${kind}`, "data-code": code, "data-testid": "notice-row" }, h("div", {}, ...content), close);
    this.append(row);
    while (this.childElementCount > MOST) this.#remove(this.firstChild);
  }

  /** The focus goes to another notice, or to where it was before. */
  #remove(row) {
    const focused = row.contains(document.activeElement);
    row.remove();
    if (!focused) return;
    const next = this.lastElementChild?.querySelector(":scope > button") ?? this.#from;
    next?.focus();
  }

  #notice({ title, body, room, seq }) {
    const open = room && h("button", { class: "link", type: "button", onclick: () => this.#open({ room, seq }) }, t("notice.open"));
    return [h("strong", { dir: "auto" }, title), h("p", { dir: "auto" }, body), open].filter(Boolean);
  }

  #fault({ item, error }) {
    const again = ({ currentTarget }) => {
      this.notices.again(item);
      this.#remove(currentTarget.closest(".notice-row"));
    };
    return [faultLine(item, error, again)];
  }

  #open({ room, seq }) {
    const event = seq === null ? "room-opened" : "message-chosen";
    this.dispatchEvent(new CustomEvent(event, { bubbles: true, detail: { room, seq } }));
  }
}

customElements.define("notice-list", NoticeList);
