/** Suggests the user names of people whom a plugin finds, while one is typed, by the browser's own list of suggestions. */

import { h } from "../lib/dom.js";
import { FoundPeople } from "../lib/found-people.js";

let count = 0; // of lists, for their ids

/**
 * `input` is in the document, or in what comes there; nothing is suggested while `isWanted()` returns false. With `several`
 * the last of the names with commas between them is suggested for.
 *
 * @param {HTMLInputElement} input
 * @param {any} places
 * @param {{isWanted?: () => boolean, several?: boolean}} options
 */
export function suggestPeople(input, places, { isWanted, several = false } = {}) {
  const list = h("datalist", { id: `people-${++count}` });
  const people = new FoundPeople(places, () => draw());
  const draw = () => {
    const [, before = "", typed] = several ? /^(.*[,，、]\s*)?(.*)$/su.exec(input.value) : ["", "", input.value];
    const found = people.of(!isWanted || isWanted() ? typed.trim() : "");
    list.replaceChildren(...found.map(({ username, name }) => h("option", { value: before + username, label: name })));
  };
  input.setAttribute("list", list.id);
  input.addEventListener("input", draw);
  input.after(list);
}
