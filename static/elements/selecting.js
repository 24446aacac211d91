/**
 * Choosing several messages of a list, to do one thing with all of them (select-bar.js). Each row has a box then; a click or
 * Space on a row toggles it, Shift extends a range, Escape ends it. Loaded with the first that is chosen.
 */

import { changeBy } from "../lib/changes.js";
import { Chosen, isChoosable, MOST_CHOSEN } from "../lib/chosen.js";
import { h, icon, ICONS, write } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import "./later-texts.js";
import { rowOf } from "./row-focus.js";
import { SelectBar } from "./select-bar.js";
import "./selecting-sheet.js";
import { tell } from "./toasts.js";

const TOGGLES = new Set([" ", "Enter", "x"]);
const STEPS = { ArrowUp: -1, ArrowDown: 1 }; // with Shift

export class Selecting {
  #list;
  #feed;
  #rows;
  #over;
  #bar;
  #chosen = new Chosen();
  #ended = new AbortController();

  /** `list` is a <message-list>, `feed` the element with its rows, which `rows` makes (virtual-list.js); `over()` is called at the end. */
  constructor(list, { feed, rows, over }) {
    this.#list = list;
    this.#feed = feed;
    this.#rows = rows;
    this.#over = over;
    const { store, places, flow } = list;
    this.#bar = new SelectBar({ list, chosen: this.#chosen, onChange: () => this.#draw(), end: () => this.end() });
    const { signal } = this.#ended;
    feed.addEventListener("click", (event) => this.#onClick(event), { capture: true, signal });
    feed.addEventListener("mousedown", (event) => this.#onPress(event), { capture: true, signal });
    feed.addEventListener("keydown", (event) => this.#onKey(event), { capture: true, signal });
    document.addEventListener("keydown", (event) => this.#onEscape(event), { capture: true, signal });
    store.addEventListener("logged", ({ detail }) => this.#onEvent(detail.event), { signal });
    store.addEventListener("forgotten", ({ detail }) => detail.room === flow.room && this.#onForgotten(), { signal });
    store.addEventListener("blocked", () => this.#onBlocked(), { signal });
    store.addEventListener("change", ({ detail }) => [null, flow.room].includes(detail.room) && detail.only === null && this.#bar.draw(), { signal });
    places.addEventListener("change", ({ detail }) => detail.place === "message.actions/v1" && this.#bar.draw(), { signal });
    list.classList.add("selecting");
    list.parentNode.querySelector(":scope > composer-foot").before(this.#bar.node);
  }

  /** Chooses the message of an entry, or gives it up. */
  toggle(entry) {
    if (isChoosable(entry)) this.#tellIfMany(this.#chosen.toggle(entry.message));
  }

  /** Puts the box into the row of an entry. */
  dress(row, entry) {
    if (!isChoosable(entry)) return;
    const { message } = entry;
    const name = row.getAttribute("aria-labelledby");
    const id = `${name}-chosen`;
    const state = h("span", { class: "visually-hidden" });
    row.prepend(h("button", { id, class: "select-box", type: "button", role: "checkbox", "aria-labelledby": name, "data-testid": "select-box" }, icon(ICONS.check), state));
    row.setAttribute("aria-labelledby", `${id} ${name}`);
    this.#show(row, message);
  }

  /** The focus stays, or goes to the row that had it last. */
  end() {
    if (this.#ended.signal.aborted) return;
    this.#ended.abort();
    this.#bar.node.remove();
    this.#list.classList.remove("selecting");
    this.#over();
    if (document.activeElement === document.body) this.#feed.querySelector('article[tabindex="0"]')?.focus({ preventScroll: true });
  }

  #show(row, { id }) {
    const isChosen = this.#chosen.has(id);
    const box = row.querySelector(".select-box");
    row.classList.toggle("chosen", isChosen);
    write(box, { ariaChecked: String(isChosen) });
    write(box.lastChild, { textContent: isChosen ? t("select.chosen") : "" });
  }

  #draw() {
    for (const row of this.#feed.querySelectorAll(":scope > article:has(> .select-box)")) this.#show(row, this.#rows.entryOf(row).message);
    this.#bar.draw();
  }

  #tellIfMany(isWhole) {
    if (!isWhole) tell(t("select.most", { count: MOST_CHOSEN }), "select.most", "");
    this.#draw();
  }

  #extend(message, from) {
    const shown = this.#rows.entries.filter(isChoosable).map((entry) => entry.message);
    this.#tellIfMany(this.#chosen.extend(shown, message, from));
  }

  /** All of a row toggles it, whatever else it is for. */
  #onClick(event) {
    const entry = this.#rows.entryOf(rowOf(event.target));
    if (!isChoosable(entry)) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.shiftKey) this.#extend(entry.message);
    else this.toggle(entry);
  }

  /** The focus goes to the row, where arrows lead on, whatever is pressed in it. */
  #onPress(event) {
    const row = rowOf(event.target);
    if (!isChoosable(this.#rows.entryOf(row))) return;
    event.preventDefault();
    row.focus({ preventScroll: true });
  }

  #onKey(event) {
    const row = rowOf(event.target);
    if (event.target !== row || event.isComposing || event.altKey || event.ctrlKey || event.metaKey) return;
    const entry = this.#rows.entryOf(row);
    const step = event.shiftKey && STEPS[event.key];
    if (!isChoosable(entry)) return;
    if (step) this.#step(entry, step);
    else if (!TOGGLES.has(event.key)) return;
    else if (event.shiftKey) this.#extend(entry.message);
    else this.toggle(entry);
    event.preventDefault();
    event.stopPropagation();
  }

  /** Chooses the next message as well, and the focus goes there. */
  #step(entry, step) {
    const { entries } = this.#rows;
    let place = this.#rows.placeOf(entry.key) + step;
    while (entries[place] && !isChoosable(entries[place])) place += step;
    const next = entries[place];
    if (!next) return;
    this.#extend(next.message, entry.message.id);
    this.#rows.show(next.key, "nearest");
    this.#rows.node(next.key)?.focus({ preventScroll: true });
  }

  /** From wherever the focus is in this list, in the bar, or nowhere. */
  #onEscape(event) {
    const home = this.#list.parentNode;
    const { target } = event;
    if (event.key !== "Escape" || event.isComposing || document.querySelector("dialog[open]")) return;
    if (!home.contains(target) && !target.contains(home)) return;
    event.preventDefault();
    event.stopPropagation();
    this.#bar.cancel();
  }

  #onEvent(event) {
    const changed = event.room === this.#list.flow.room && this.#chosen.has(event.message) && changeBy(event);
    if (!changed) return;
    this.#chosen.change(event.message, changed);
    this.#bar.draw();
  }

  #onBlocked() {
    this.#chosen.keep(({ author }) => !this.#list.store.blocked.has(author.id));
    this.#draw();
  }

  /** What was missed may have changed or deleted any of them. */
  #onForgotten() {
    this.end();
    tell(t("select.forgotten"), "select.forgotten", "");
  }
}
