/** A group of rooms in the side bar: its heading, and a row for each of its first rooms. The reader's own, and archived ones, can be collapsed. */

import { h, icon, ICONS } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { ARCHIVED, DIRECT, FAVOURITES, MINE, OTHER, sectionOf } from "../lib/sections.js";
import { signsOf } from "../lib/unread.js";
import { Keyed } from "./keyed.js";
import { makeRoomRow, updateRoomRow } from "./room-row.js";

const ROWS = 500; // of a group; more come as one scrolls to their end
const HEADINGS = { [ARCHIVED]: "rooms.archived", [FAVOURITES]: "rooms.favourites", [MINE]: "rooms.mine", [DIRECT]: "rooms.direct", [OTHER]: "rooms.other" };
let lastId = 0;

export class RoomGroup {
  all = []; // items of its rooms
  items = []; // those that have a row
  rows;
  section;
  end; // has more rows come as it is scrolled into sight
  #key;
  #most = ROWS;
  #isOpen = true;
  #active;
  #toggle = null;

  /** `choose(room)` and `toggle(key)` are called on a click; `active()` returns the id of the room that is open. */
  constructor(key, { choose, toggle, active }) {
    const list = h("ul");
    this.#key = key;
    this.#active = active;
    this.rows = new Keyed(list, {
      make: (item) => makeRoomRow(item, choose),
      update: (row, item) => updateRoomRow(row, item, item.key === active()),
    });
    this.end = h("div", { class: "rows-end" });
    const id = `side-${(lastId += 1)}`;
    const name = sectionOf(key);
    const title = name ?? t(HEADINGS[key]);
    if (name !== null || key === FAVOURITES || key === ARCHIVED) this.#toggle = toggleButton(this.stop, title, () => toggle(key));
    this.section = h("section", { hidden: true, "aria-labelledby": id }, h("h2", { id }, this.#toggle ?? title), list, this.end);
  }

  get key() {
    return this.#key;
  }

  /** The key of its heading among the rows, which arrows reach if it is a button. */
  get stop() {
    return `group:${this.#key}`;
  }

  get canCollapse() {
    return this.#toggle !== null;
  }

  /** The rows that arrows move between. */
  get keys() {
    const rows = this.items.map(({ key }) => key);
    return this.canCollapse && this.all.length > 0 ? [this.stop, ...rows] : rows;
  }

  /** The button of a room, or of the heading, which is not shown without rooms. */
  button(key) {
    if (key === this.stop) return this.all.length > 0 ? this.#toggle : null;
    return this.rows.node(key)?.firstChild;
  }

  /** Whether a room of the group is seen: when it is collapsed, the open one and those with something new. */
  shows(room) {
    const { isBold, mentions } = signsOf(room);
    return this.#isOpen || room.id === this.#active() || isBold || mentions > 0;
  }

  /** Draws these items: the first ones, and the room that is open. */
  show(all, isOpen) {
    this.#isOpen = isOpen || !this.canCollapse;
    this.all = all;
    const seen = all.filter(({ room }) => this.shows(room));
    this.items = seen.slice(0, this.#most);
    const open = seen.slice(this.#most).find(({ key }) => key === this.#active());
    if (open) this.items.push(open);
    this.end.hidden = seen.length <= this.#most;
    this.rows.show(this.items);
    this.section.hidden = all.length === 0;
    this.#toggle?.setAttribute("aria-expanded", String(this.#isOpen));
  }

  showMore() {
    this.#most += ROWS;
  }

  showFirst() {
    this.#most = ROWS;
  }
}

function toggleButton(key, title, onclick) {
  return h(
    "button",
    { type: "button", class: "group-toggle", tabindex: "-1", "data-key": key, "data-testid": "group-toggle", onclick },
    icon(ICONS.fold),
    h("span", { class: "group-name", dir: "auto" }, title),
  );
}
