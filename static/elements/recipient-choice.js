/**
 * The choice of one room or person to write to: a field that finds them, and what it found as radio buttons. Rooms in
 * which one may not write are not among them. What was chosen stays, whatever is looked for after that.
 */

import { h, icon, ICONS } from "../lib/dom.js";
import { FoundPeople } from "../lib/found-people.js";
import { currentLanguage, t } from "../lib/i18n.js";
import { knownPeople, usernameIn, writableRooms } from "../lib/recipients.js";
import { avatar } from "./avatar.js";
import { signOf } from "./room-row.js";
import "./forwarding-sheet.js";
import "./later-texts.js";

const MOST_SHOWN = 30; // of more, those that are meant are found by typing

export class RecipientChoice {
  /** @type {{key: string, title: string, room?: any, user?: string, username?: string} | null} */
  chosen = null;
  #store;
  #people;
  #onChange;
  #list;
  #said;
  #shown = "";

  /** `onChange()` is called when another one is chosen; `onEnter()` when Enter is pressed and one is. */
  constructor({ store, places, onChange, onEnter }) {
    this.#store = store;
    this.#people = new FoundPeople(places, () => this.draw());
    this.#onChange = onChange;
    this.#list = h("fieldset", { class: "recipients", "aria-label": t("forward.to"), "data-testid": "recipients", onchange: ({ target }) => this.#choose(target.value) });
    this.#said = h("p", { class: "muted", role: "status", "data-testid": "recipients-said" });
    this.field = h("input", {
      type: "search",
      class: "filter",
      dir: "auto",
      autocomplete: "off",
      autocapitalize: "none",
      "aria-label": t("forward.find"),
      placeholder: t("forward.find"),
      "data-testid": "recipient-find",
      oninput: () => this.draw(),
      onkeydown: (event) => this.#onKey(event, onEnter),
    });
    this.node = h("div", { class: "stack" }, this.field, this.#list, this.#said);
    this.draw();
  }

  /** Shows what is found now; what was chosen comes first, if one may still write there. */
  draw() {
    const found = this.#found();
    if (this.chosen?.room && !this.#isOpen(this.chosen.room)) this.#set(null);
    const others = found.filter(({ key }) => key !== this.chosen?.key);
    const shown = [...(this.chosen ? [this.chosen] : []), ...others.slice(0, MOST_SHOWN)];
    this.#said.textContent = found.length === 0 ? t("forward.none") : others.length > MOST_SHOWN ? t("forward.more") : "";
    const now = JSON.stringify(shown.map(({ key, title }) => [key, title]));
    if (now === this.#shown) return; // a button may be pressed at this moment
    this.#shown = now;
    const hadFocus = this.#list.contains(document.activeElement);
    this.#list.replaceChildren(...shown.map((item) => this.#row(item)));
    this.#list.hidden = shown.length === 0;
    if (hadFocus) (this.#list.querySelector(":checked") ?? this.field).focus();
  }

  /** The room to write to: of a person it is made if it is not there yet. */
  async open(session) {
    const { room, user, username } = this.chosen;
    if (room) return room.id;
    return user ? session.direct(user) : session.directByName(username);
  }

  #isOpen({ id }) {
    return writableRooms("", this.#store, () => 0).some(({ room }) => room.id === id);
  }

  #found() {
    const text = this.field.value.trim();
    const { compare } = new Intl.Collator(currentLanguage(), { numeric: true });
    const rooms = writableRooms(text, this.#store, compare).map(({ room, title }) => ({ key: `room:${room.id}`, title, room }));
    const found = this.#people.of(text);
    if (!text) return rooms;
    const people = knownPeople(text, this.#store, found)
      .filter(({ id }) => !this.#store.blocked.has(id))
      .map(({ id, name }) => ({ key: `person:${id}`, title: name, user: id }));
    const username = usernameIn(text);
    return [...rooms, ...people, ...(username ? [{ key: `name:${username}`, title: `@${username}`, username }] : [])];
  }

  #row(item) {
    const { key, title, room, user } = item;
    return h(
      "label",
      { class: "choice", "data-testid": "recipient" },
      h("input", { type: "radio", name: "recipient", value: key, checked: key === this.chosen?.key }),
      room ? signOf(room, title) : user ? avatar({ id: user, name: title }) : icon(ICONS.person),
      h("span", { class: "person-name", dir: "auto" }, title),
    );
  }

  #choose(key) {
    if (key !== this.chosen?.key) this.#set(this.#found().find((item) => item.key === key) ?? null);
  }

  #set(item) {
    this.chosen = item;
    this.#onChange();
  }

  /** Enter chooses the first one that was found; the arrow down leads to the list. */
  #onKey(event, onEnter) {
    if (event.isComposing || event.keyCode === 229) return;
    if (event.key === "Enter") {
      event.preventDefault();
      const [first] = this.#found();
      if (first && (this.field.value.trim() || !this.chosen)) this.#choose(first.key);
      this.field.value = "";
      this.draw();
      if (this.chosen) onEnter();
    } else if (event.key === "ArrowDown") {
      event.preventDefault();
      (this.#list.querySelector(":checked") ?? this.#list.querySelector("input"))?.focus();
    }
  }
}
