/** The notifications that are shown in the page, newest last, and faults of their filters. Needs `notices`. Fires "room-opened". */

import { h, icon, ICONS } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { faultLine } from "./plugin-place.js";
import { View } from "./view.js";

const MOST = 4;

class NoticeList extends View {
  notices;

  build() {
    this.setAttribute("role", "status");
    this.listen(this.notices, "notice", ({ detail }) => this.#add(this.#notice(detail.notice)));
    this.listen(this.notices, "fault", ({ detail }) => this.#add(this.#fault(detail)));
    this.listen(this.notices, "chosen", ({ detail }) => this.#open(detail.room));
  }

  #add(content) {
    const close = h(
      "button",
      { class: "round", type: "button", title: t("close"), "aria-label": t("close"), onclick: () => row.remove() },
      icon(ICONS.close),
    );
    const row = h("div", { class: "notice-row", "data-testid": "notice-row" }, h("div", {}, ...content), close);
    this.append(row);
    while (this.childElementCount > MOST) this.firstChild.remove();
  }

  #notice({ title, body, room }) {
    const open = room && h("button", { class: "link", type: "button", onclick: () => this.#open(room) }, t("notice.open"));
    return [h("strong", { dir: "auto" }, title), h("p", { dir: "auto" }, body), open].filter(Boolean);
  }

  #fault({ item, error }) {
    const again = ({ currentTarget }) => {
      this.notices.again(item);
      currentTarget.closest(".notice-row").remove();
    };
    return [faultLine(item, error, again)];
  }

  #open(room) {
    this.dispatchEvent(new CustomEvent("room-opened", { bubbles: true, detail: { room } }));
  }
}

customElements.define("notice-list", NoticeList);
