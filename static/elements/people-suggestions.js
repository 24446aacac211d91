/** Suggests the user names of people whom a plugin finds, while one is typed, by the browser's own list of suggestions. */

import { h } from "../lib/dom.js";
import { FoundPeople } from "../lib/found-people.js";

let count = 0; // of lists, for their ids

/** `input` is in the document, or in what comes there; nothing is suggested while `isWanted()` returns false. */
export function suggestPeople(input, places, isWanted = () => true) {
  const list = h("datalist", { id: `people-${++count}` });
  const people = new FoundPeople(places, () => draw());
  const draw = () => list.replaceChildren(...people.of(isWanted() ? input.value.trim() : "").map(({ username, name }) => h("option", { value: username, label: name })));
  input.setAttribute("list", list.id);
  input.addEventListener("input", draw);
  input.after(list);
}
