/**
 * The menu of a room in the side bar. There is one, which stands in the row that somebody points at or is in: thousands
 * of rows need no button each.
 */

import { h, icon, ICONS } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { roomTitle } from "../lib/titles.js";
import { preferenceItems } from "./room-preferences.js";
import { rowKey } from "./room-row.js";

export class RowMenu {
  #store;
  #menu;

  constructor({ session, store }) {
    this.#store = store;
    const button = h("button", { class: "round", type: "button", tabindex: "-1", "data-testid": "row-menu" }, icon(ICONS.more));
    const items = () => preferenceItems({ session, store }, store.room(rowKey(button)));
    this.#menu = h("menu-button", { class: "row-menu", "data-floating": true, button, items });
  }

  get hasFocus() {
    return this.#menu.contains(document.activeElement);
  }

  /** Goes to the row of a node, unless it is in use in another. Returns whether it is in that row. */
  place(node) {
    const row = node.closest("li");
    const room = this.#store.room(rowKey(node));
    const menu = this.#menu;
    if (row && row === menu.parentNode) return true;
    if (!room?.joined || menu.isOpen || this.hasFocus) return false;
    const label = t("room.menuOf", { name: roomTitle(room) });
    menu.dataset.label = label;
    menu.button.title = label;
    menu.button.setAttribute("aria-label", label);
    row.append(menu);
    return true;
  }

  focus() {
    this.#menu.button.focus();
  }

  open() {
    this.#menu.open();
  }
}
