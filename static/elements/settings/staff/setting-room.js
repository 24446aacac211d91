/** The input of a room: holds its id, which one gets by choosing the room, or by typing its name. */

import { h } from "../../../lib/dom.js";
import { PlainInput } from "./setting-inputs.js";

const PAUSE_MS = 200; // without typing, before rooms are looked for

export class RoomInput extends PlainInput {
  #api;
  #names = new Map(); // of the rooms that were found, by id
  #list;
  #said;
  #turn = 0; // the last look counts, whichever ends last

  constructor(form, value, about) {
    super(form, value, about);
    this.#api = about.api;
    this.#list = h("datalist", { id: `${about.id}-rooms` });
    this.#said = h("small", { class: "muted", role: "status", dir: "auto", "data-testid": "setting-room" });
    this.beside = h("div", {}, this.#list, this.#said);
    this.node.setAttribute("list", this.#list.id);
    this.node.addEventListener("input", () => this.#typed());
    this.node.addEventListener("change", () => this.#settle());
    this.node.addEventListener("focus", () => void this.#find(""), { once: true });
    if (value) void this.#find("");
  }

  get given() {
    return this.#idOf(this.node.value);
  }

  show(value) {
    super.show(value);
    this.#say();
  }

  /** The id of the one room with this name; other texts stay as they are. */
  #idOf(text) {
    const wanted = text.trim().replace(/^#/, "").toLowerCase();
    const found = [...this.#names].filter(([, name]) => name.toLowerCase() === wanted);
    return found.length === 1 && !this.#names.has(text) ? found[0][0] : text;
  }

  #typed() {
    this.#say();
    if (!this.#names.has(this.node.value)) void this.#find(this.node.value.trim().replace(/^#/, ""));
  }

  async #find(text) {
    const mine = (this.#turn += 1);
    if (text) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    if (mine !== this.#turn) return;
    const { rooms } = await this.#api.allRooms(text, "").catch(() => ({ rooms: [] })); // an id can be typed all the same
    if (mine !== this.#turn) return;
    const named = rooms.filter(({ name }) => name); // direct rooms have none
    for (const { id, name } of named) this.#names.set(id, name);
    this.#list.replaceChildren(...named.map(({ id, name }) => h("option", { value: id, label: name })));
    if (document.activeElement === this.node) this.#say();
    else this.#settle();
  }

  #settle() {
    this.node.value = this.given;
    this.#say();
  }

  #say() {
    this.#said.textContent = this.#names.get(this.given) ?? "";
  }
}
