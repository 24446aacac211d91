/**
 * A button that opens a menu, with the keys of the ARIA practices (menu button pattern): Enter, Space and ↓ open it at the
 * first item, ↑ at the last one; arrows, Home, End and the first letter of an item move in it; Escape and Tab close it, and
 * the focus goes back to the button. Needs `button`, which it takes as its own, the attribute data-label, and `items()`, which
 * returns the items of the moment: `[{label, icon?, testid?, danger?, href?, run?, does?}, …]`, with false for those that are
 * not to be shown; `does` is for a listener around it, which finds it as `data-do`. With the attribute data-floating the menu
 * lies over all else, and closes when what scrolls around its button moves.
 */

import { h, icon } from "../lib/dom.js";
import { View } from "./view.js";

const GAP = 4; // px between the button and a floating menu, and to the edges of the window

class MenuButton extends View {
  button;
  items;
  #menu;
  #top = 0; // px, of the button when the menu was opened

  build() {
    this.#menu = h("div", { class: "menu", role: "menu", "aria-label": this.dataset.label, hidden: true });
    this.button.setAttribute("aria-haspopup", "menu");
    this.button.setAttribute("aria-expanded", "false");
    this.append(this.button, this.#menu);
    this.listen(this.button, "click", () => this.#show(this.#menu.hidden, 0));
    this.listen(this, "keydown", (event) => this.#onKey(event));
    this.listen(this, "focusout", ({ relatedTarget }) => {
      if (relatedTarget && !this.contains(relatedTarget)) this.close({ focus: false });
    });
    if ("floating" in this.dataset) this.listen(document, "scroll", () => this.#hasMoved() && this.close(), { capture: true });
    this.listen(document, "pointerdown", ({ target }) => this.contains(target) || this.close({ focus: false }));
  }

  get isOpen() {
    return this.#menu?.hidden === false; // it has none before it is in the page
  }

  open() {
    this.#show(true, 0);
  }

  #hasMoved() {
    return this.isOpen && this.button.getBoundingClientRect().top !== this.#top;
  }

  close({ focus = true } = {}) {
    if (!this.isOpen) return;
    this.#reveal(false);
    if (focus) this.button.focus();
  }

  #show(open, at) {
    if (!open) {
      this.close();
      return;
    }
    this.#menu.replaceChildren(...this.items().filter(Boolean).map((item) => this.#row(item)));
    this.#reveal(true);
    this.#menu.children[at < 0 ? this.#menu.childElementCount - 1 : at]?.focus();
  }

  #reveal(isOpen) {
    this.#menu.hidden = !isOpen;
    this.button.setAttribute("aria-expanded", String(isOpen));
    if (!("floating" in this.dataset)) return;
    this.#menu.popover = "manual"; // over all else, and placed by the window, whatever it is in
    this.#menu.togglePopover(isOpen);
    if (isOpen) this.#float();
  }

  /** Puts the menu below the button, or above where there is no room for it, inside the window. */
  #float() {
    const { top, bottom, left, right } = this.button.getBoundingClientRect();
    this.#top = top;
    const { offsetWidth: width, offsetHeight: height } = this.#menu;
    const isRtl = getComputedStyle(this).direction === "rtl";
    const x = Math.max(GAP, Math.min(isRtl ? right - width : left, innerWidth - width - GAP));
    const below = bottom + GAP;
    const y = below + height <= innerHeight ? below : Math.max(GAP, top - height - GAP);
    Object.assign(this.#menu.style, { left: `${x}px`, top: `${y}px` });
  }

  #row({ label, icon: path, testid, danger, href, run, does }) {
    const onclick = () => {
      this.close();
      run?.();
    };
    const attributes = { role: "menuitem", tabindex: "-1", class: danger && "danger-item", "data-testid": testid, "data-do": does, onclick };
    const inside = [path && icon(path), h("span", { dir: "auto" }, label)];
    return href ? h("a", { ...attributes, href }, ...inside) : h("button", { ...attributes, type: "button" }, ...inside);
  }

  #onKey(event) {
    if (event.isComposing || event.altKey || event.ctrlKey || event.metaKey) return;
    if (!this.isOpen) {
      const at = { ArrowDown: 0, ArrowUp: -1 }[event.key];
      if (at === undefined || document.activeElement !== this.button) return;
      this.#show(true, at);
    } else if (event.key === "Escape" || event.key === "Tab") {
      this.close();
      if (event.key === "Tab") return; // and the focus goes on from the button
    } else if (event.key === " " && document.activeElement.matches("a")) {
      document.activeElement.click();
    } else if (!this.#move(event.key)) return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** Returns whether the key moves the focus in the menu. */
  #move(key) {
    const rows = [...this.#menu.children];
    const at = rows.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[key] ?? startingWith(rows, key, at);
    if (to === null) return false;
    rows.at(to % rows.length)?.focus();
    return true;
  }
}

/** The place of the next row behind `at` that begins with a typed character; null if there is none. */
function startingWith(rows, key, at) {
  if ([...key].length !== 1 || key === " ") return null;
  const places = rows.map((_, index) => (at + 1 + index) % rows.length);
  return places.find((place) => rows[place].textContent.trim().toLowerCase().startsWith(key.toLowerCase())) ?? null;
}

customElements.define("menu-button", MenuButton);
