/** The filters of a search: chips with a room, an author, what messages have, and days, each of which is empty or set. */

import { h } from "../lib/dom.js";
import { currentLanguage, t } from "../lib/i18n.js";
import { roomTitle } from "../lib/titles.js";
import { suggestPeople } from "./people-suggestions.js";
import "./later-texts.js";
import "./search-sheet.js";

const KINDS = { file: "search.hasFile", picture: "search.hasPicture", link: "search.hasLink", poll: "search.hasPoll" };

export class SearchFilters {
  #room;
  #author;
  #has;
  #since;
  #until;
  #clear;

  /** `onChange()` is called when a filter is set or cleared. */
  constructor({ store, places, onChange }) {
    const rooms = roomsOf(store).map(({ id, title }) => h("option", { value: id, dir: "auto" }, title));
    this.#room = h("select", { "data-testid": "search-room" }, h("option", { value: "" }, t("search.anywhere")), ...rooms);
    this.#author = h("input", { type: "text", size: "12", maxlength: "64", dir: "auto", autocomplete: "off", autocapitalize: "none", placeholder: t("search.anybody"), "data-testid": "search-author" });
    const kinds = Object.entries(KINDS).map(([value, text]) => h("option", { value }, t(text)));
    this.#has = h("select", { "data-testid": "search-has" }, h("option", { value: "" }, t("search.hasAny")), ...kinds);
    this.#since = h("input", { type: "date", max: "9999-12-31", "data-testid": "search-since" });
    this.#until = h("input", { type: "date", max: "9999-12-31", "data-testid": "search-until" });
    this.#clear = h("button", { class: "quiet", type: "button", hidden: true, "data-testid": "search-clear", onclick: () => this.#empty(onChange) }, t("search.clear"));
    this.node = h(
      "div",
      { class: "search-filters", role: "group", "aria-label": t("search.filters"), onchange: () => this.#changed(onChange) },
      chip(t("search.in"), this.#room),
      chip(t("search.from"), this.#author),
      chip(t("search.has"), this.#has),
      chip(t("search.since"), this.#since),
      chip(t("search.until"), this.#until),
      this.#clear,
    );
    suggestPeople(this.#author, places);
  }

  /** What is set: `{room, author, has, since, until}`, empty texts for what is not; `room` is an id. */
  get value() {
    return { room: this.#room.value, author: this.#author.value.trim(), has: this.#has.value, since: this.#since.value, until: this.#until.value };
  }

  #fields() {
    return [this.#room, this.#author, this.#has, this.#since, this.#until];
  }

  #changed(onChange) {
    for (const field of this.#fields()) field.parentElement.classList.toggle("set", field.value.trim() !== "");
    this.#clear.hidden = this.#fields().every((field) => field.value.trim() === "");
    onChange();
  }

  #empty(onChange) {
    for (const field of this.#fields()) field.value = "";
    this.#room.focus(); // the button goes away
    this.#changed(onChange);
  }
}

function chip(name, field) {
  return h("label", { class: "chip search-chip" }, h("span", { class: "muted" }, name), field);
}

/** The rooms one is in, by title. */
function roomsOf(store) {
  const { compare } = new Intl.Collator(currentLanguage());
  return store
    .joined()
    .map((room) => ({ id: room.id, title: roomTitle(room) }))
    .sort((one, other) => compare(one.title, other.title));
}
