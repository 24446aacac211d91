/** What a composer suggests while somebody types in it, commands and names, and how it is chosen. Loaded with the first text. */

import { h, insertText } from "../lib/dom.js";
import { ComposerCommands } from "./composer-commands.js";
import { ComposerNames } from "./composer-names.js";
import "./suggestion-list.js";

export class ComposerSuggestions {
  #field;
  #inThread;
  #commands;
  #names;

  /** Puts its list before the other nodes of `composer`; `field` is the text area, and `signal` ends it. */
  constructor({ session, store, places, room, inThread, composer, field, signal }) {
    this.#field = field;
    this.#inThread = inThread;
    const list = h("suggestion-list");
    if (inThread) list.listId = "thread-suggestions"; // that of the room is beside it
    this.#commands = new ComposerCommands({ session, room, list });
    this.#names = new ComposerNames({ session, store, places, room, list, field });
    field.setAttribute("aria-controls", list.listId);
    list.addEventListener("chosen", ({ detail }) => this.#take(detail.text), { signal });
    list.addEventListener("active", ({ detail }) => this.#setActive(detail.id), { signal });
    field.addEventListener("blur", () => this.close(), { signal });
    composer.prepend(list);
  }

  /** The text has changed: `calls` says whether it is a command, `isEdit` whether it is that of a message which is there. */
  typed({ calls, isEdit }) {
    if (document.activeElement !== this.#field) return;
    if (!this.#inThread && !isEdit && (calls || !this.#names.isOpen)) this.#commands.typed(this.#field.value.trimStart());
    if (calls) this.#names.close();
    else this.#names.typed();
  }

  /** Whether the key was meant for the list. */
  takesKey(event) {
    return this.#commands.takesKey(event);
  }

  /** As `ComposerCommands.run`. */
  run(text) {
    return this.#commands.run(text);
  }

  close() {
    this.#names.close();
    this.#commands.close();
  }

  #take(text) {
    if (this.#names.isOpen) this.#names.take(text);
    else insertText(this.#field, text, 0, this.#field.value.length);
  }

  #setActive(id) {
    if (id) this.#field.setAttribute("aria-activedescendant", id);
    else this.#field.removeAttribute("aria-activedescendant");
  }
}
