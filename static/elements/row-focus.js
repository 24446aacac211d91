/**
 * The pointer and the keyboard in a list of messages: which row has actions, which one Tab leads to, and where arrows go.
 */

import { firstControl, makeTabStop, openRow, twinOf } from "./row-controls.js";

const REST_MS = 150; // under a pointer that rests, until a row has actions
const KEYS = { t: "thread", p: "person", f: "forward", x: "select" }; // what a key does in a row, as a button of its actions or the name of its author

export class RowFocus {
  #list;
  #scroller;
  #rows;
  #bar;
  #press;
  #pointed = null; // the row under the pointer
  #pointer = { x: -1, y: -1 }; // px, on the screen
  #resting = 0; // the timer of a row that has come under the pointer
  #entered = null; // the row with the focus
  #stop = null; // the key of the row to which Tab leads

  /** `rows` is a VirtualList, `bar(entry)` makes the actions of an entry, or null, and `press(what, entry)` does one of them. */
  constructor({ list, scroller, rows, signal, bar, press }) {
    this.#list = list;
    this.#scroller = scroller;
    this.#rows = rows;
    this.#bar = bar;
    this.#press = press;
    list.addEventListener("keydown", (event) => this.#onKey(event), { signal });
    list.addEventListener("focusin", ({ target }) => this.#onFocus(target), { signal });
    list.addEventListener("focusout", ({ relatedTarget }) => this.#onFocus(relatedTarget), { signal });
    list.addEventListener("pointerover", (event) => event.pointerType === "mouse" && this.#onPointer(event), { signal });
    list.addEventListener("pointerleave", () => this.#point(null), { signal });
    signal.addEventListener("abort", () => clearTimeout(this.#resting));
  }

  /** Whether a row has actions. */
  has(row) {
    return row === this.#pointed || row === this.#entered;
  }

  /** A row was made anew; its actions are made, too. */
  replaced(old, row, entry) {
    const hasActions = this.has(old);
    if (this.#pointed === old) this.#pointed = row;
    if (this.#entered === old) this.#entered = row;
    if (hasActions) this.#addActions(row, entry);
  }

  /** The focus goes from a node of a row to what does the same in the one in its place, where a menu is open, too. */
  moveTo(row, focused, old) {
    openRow(row, true);
    if (focused.closest(".actions [role=menu]")) row.querySelector(".actions menu-button")?.open();
    (focused === old ? row : twinOf(focused, row)).focus({ preventScroll: true });
    row.tabIndex = 0;
  }

  /** These rows are there now. */
  drawn(rows) {
    const known = rows.find((row) => row === this.#entered) ?? rows.find((row) => row.dataset.key === this.#stop);
    makeTabStop(rows, known ?? rows.at(-1));
  }

  /** To the row at a place, or the next one in this direction, else in the other; without any, to the list itself. */
  focusPlace(place, step) {
    const { entries } = this.#rows;
    const isRow = (each) => entries[each]?.kind === "message" || entries[each]?.kind === "note";
    let found = place;
    while (found >= 0 && found < entries.length && !isRow(found)) found += step;
    if (!isRow(found)) {
      for (found = Math.min(Math.max(place, 0), entries.length - 1); found >= 0 && found < entries.length && !isRow(found); ) found -= step;
    }
    if (!isRow(found)) {
      this.#scroller.focus({ preventScroll: true });
      return;
    }
    const { key } = entries[found];
    this.#rows.show(key, "nearest");
    this.#rows.node(key)?.focus({ preventScroll: true });
  }

  /** Rows that move along under a pointer that rests get no actions until they rest, too. */
  #onPointer({ target, screenX: x, screenY: y }) {
    const row = rowOf(target);
    const rests = x === this.#pointer.x && y === this.#pointer.y;
    this.#pointer = { x, y };
    if (!rests || row === this.#pointed) {
      this.#point(row);
      return;
    }
    this.#point(null);
    const key = row?.dataset.key; // the row may be made anew meanwhile
    this.#resting = setTimeout(() => this.#point(this.#rows.node(key) ?? null), REST_MS);
  }

  #point(row) {
    clearTimeout(this.#resting);
    if (row === this.#pointed) return;
    this.#pointed = row;
    this.#showActions();
  }

  /** A dialog gives the focus back to where it was. */
  #onFocus(target) {
    if (target?.closest("dialog")) return;
    const row = target && this.#list.contains(target) ? rowOf(target) : null;
    if (row === this.#entered) return;
    if (this.#entered) openRow(this.#entered, false);
    this.#entered = row;
    if (row) {
      this.#stop = row.dataset.key;
      makeTabStop(this.#list.querySelectorAll(":scope > article"), row);
    }
    this.#showActions();
    if (row) openRow(row, true);
  }

  /** In the row under the pointer and in the one with the focus. A bar in which something failed stays. */
  #showActions() {
    const wanted = new Set([this.#pointed, this.#entered]);
    for (const bar of this.#list.querySelectorAll(".actions")) {
      if (!wanted.has(rowOf(bar)) && !bar.querySelector(".plugin-fault")) bar.remove();
    }
    for (const row of wanted) {
      if (row?.isConnected && !row.querySelector(".actions")) this.#addActions(row, this.#rows.entryOf(row));
    }
  }

  #addActions(row, entry) {
    const bar = this.#bar(entry);
    if (!bar) return;
    row.append(bar);
    openRow(row, row === this.#entered);
    if (row.isConnected) this.#fit(row);
    else queueMicrotask(() => this.#fit(row));
  }

  /** Above the row, or, where the list ends there, below its upper edge. */
  #fit(row) {
    const bar = row.querySelector(".actions");
    bar?.classList.toggle("low", bar.getBoundingClientRect().top < this.#scroller.getBoundingClientRect().top);
  }

  #onKey(event) {
    if (event.isComposing || event.altKey || event.ctrlKey || event.metaKey) return;
    const row = rowOf(event.target);
    if (event.target !== row) {
      if (event.key !== "Escape" || !row) return;
      row.focus({ preventScroll: true });
      event.stopPropagation();
      return;
    }
    const place = this.#rows.placeOf(row.dataset.key);
    const moves = { ArrowUp: [place - 1, -1], ArrowDown: [place + 1, 1], Home: [0, 1], End: [this.#rows.entries.length - 1, -1] };
    const what = Object.hasOwn(KEYS, event.key) ? KEYS[event.key] : null;
    const entry = this.#rows.entryOf(row);
    const isThere = what === "person" ? entry?.message : what && row.querySelector(`.actions[data-can~="${what}"]`);
    if (moves[event.key]) this.focusPlace(...moves[event.key]);
    else if (event.key === "Enter") firstControl(row)?.focus({ preventScroll: true });
    else if (isThere) this.#press(what, entry);
    else return;
    event.preventDefault();
  }
}

/** The article around a node. */
export function rowOf(node) {
  return node?.closest?.("message-list article[data-key]") ?? null;
}
