/** People whom a plugin finds by a text, such as those of the directory: page by page, or while somebody types. No DOM. */

import { complain } from "./plugins.js";
import { bare } from "./titles.js";

const PLACE = "people.find/v1";
const ASK_AFTER_MS = 200; // without a key

/** A page of people with a text in their name: `{items, after}`; the last has no `after`. The first plugin counts. */
export async function findPeople(places, text, after = "") {
  const [item] = places.in(PLACE);
  if (!item) return { items: [], after: undefined };
  const { people, after: next } = await item.find({ text, after });
  return { items: people, after: next };
}

/** The people whom a text finds, asked for once nobody types any more. */
export class FoundPeople {
  #places;
  #onFound;
  #text = "";
  #people = []; // of this text or, while it is asked for, of the one before
  #timer = 0;

  /** `onFound()` is called when `of` would return others than before. */
  constructor(places, onFound) {
    this.#places = places;
    this.#onFound = onFound;
  }

  /** Whether anybody can be found. */
  get isThere() {
    return this.#places.in(PLACE).length > 0;
  }

  /** Those who are known to have the text in their names, `[{id, username, name, bot}, …]`. */
  of(text) {
    if (text !== this.#text) {
      this.#text = text;
      const wanted = bare(text.replace(/^@/, ""));
      this.#people = wanted ? this.#people.filter(({ name, username }) => bare(name).includes(wanted) || bare(username).startsWith(wanted)) : [];
      clearTimeout(this.#timer);
      if (wanted && this.isThere) this.#timer = setTimeout(() => void this.#ask(text), ASK_AFTER_MS);
    }
    return this.#people;
  }

  async #ask(text) {
    try {
      const { items } = await findPeople(this.#places, text);
      if (text !== this.#text) return; // an answer to anything but the last question comes too late
      this.#people = items;
      this.#onFound();
    } catch (error) {
      const [item] = this.#places.in(PLACE);
      if (item) complain(item.plugin, error);
    }
  }
}
