/**
 * A list that the server has in pages and searches: a field to look for something, the rows, and a button for more.
 * The first page stands there as grey bars until it has come; what is refused is said in its place, with a way to try again.
 */

import { h } from "../lib/dom.js";
import { errorText, t } from "../lib/i18n.js";
import "./later-texts.js";
import { oneStop } from "./one-stop.js";
import { bars } from "./skeleton.js";

const ASK_AFTER_MS = 200; // without a key
const EMPTY_PAGES = 20; // looked through at once for the next row

/**
 * `load(text, after)` resolves with `{items, after}`, and `row(item)` makes a list item. `label` names the field, `none`
 * says that nothing was found, `testid` names the list. `onChange(items)` is told of all that is shown.
 */
export class PagedList {
  node;
  field;
  #load;
  #row;
  #none;
  #onChange;
  #list;
  #status;
  #more;
  #items = [];
  #asked = 0; // an answer to anything but the last question comes too late
  #timer = null;

  constructor({ load, row, label, none, testid, onChange = (_items) => {} }) {
    this.#load = load;
    this.#row = row;
    this.#none = none;
    this.#onChange = onChange;
    this.field = h("input", {
      type: "search",
      class: "filter",
      "aria-label": label,
      placeholder: label,
      maxlength: "100",
      dir: "auto",
      autocomplete: "off",
      "data-testid": `${testid}-search`,
      oninput: () => this.#typed(),
      onkeydown: (event) => this.#onKey(event),
    });
    this.#list = h("ul", { "data-testid": testid });
    oneStop(this.#list);
    this.#status = h("p", { class: "muted", role: "status", "data-testid": `${testid}-status` });
    this.#more = h("button", { class: "quiet", type: "button", hidden: true, "data-testid": `${testid}-more` });
    this.node = h("div", { class: "paged-list stack" }, this.field, h("div", { class: "people-lists" }, this.#list), this.#status, this.#more);
  }

  /** Asks for the first page of what is in the field. */
  async show() {
    clearTimeout(this.#timer);
    this.#items = [];
    this.#list.replaceChildren(...bars("li"));
    await this.#page("");
  }

  #typed() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.show(), ASK_AFTER_MS);
  }

  #onKey(event) {
    if (event.key !== "Enter" || event.isComposing) return;
    event.preventDefault();
    void this.show();
  }

  async #page(after, focus = false) {
    const question = ++this.#asked;
    const isLate = () => question !== this.#asked;
    this.#list.setAttribute("aria-busy", "true");
    this.#status.textContent = t("search.busy");
    this.#more.disabled = true;
    try {
      let page = await this.#load(this.field.value.trim(), after);
      for (let looked = 1; !page.items.length && page.after && !isLate() && looked < EMPTY_PAGES; looked += 1)
        page = await this.#load(this.field.value.trim(), page.after);
      if (!isLate()) this.#add(page, focus);
    } catch (refusal) {
      if (!isLate()) this.#failed(refusal, after);
    }
  }

  #add({ items, after }, focus) {
    if (this.#items.length === 0) this.#list.replaceChildren();
    this.#items.push(...items);
    const rows = items.map((item) => this.#row(item));
    this.#list.append(...rows);
    this.#settle(this.#items.length || after ? "" : this.#none, after, t("search.more"));
    if (focus) (rows[0]?.querySelector("button") ?? (after ? this.#more : this.field)).focus();
    this.#onChange(this.#items);
  }

  #failed(refusal, after) {
    if (this.#items.length === 0) this.#list.replaceChildren();
    this.#settle(errorText(refusal), after || " ", t("plugin.again"));
    this.#more.onclick = () => void this.#page(after);
  }

  #settle(text, after, action) {
    this.#list.removeAttribute("aria-busy");
    this.#status.textContent = text;
    this.#more.disabled = false;
    this.#more.hidden = !after;
    this.#more.textContent = action;
    this.#more.onclick = () => void this.#page(after, true);
  }
}
