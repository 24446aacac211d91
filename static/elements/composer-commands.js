/** What a composer does while a command is being typed in it: suggestions by the server, keys, and the run. */

import { calledName, isCommand, suggestedNames } from "../lib/commands.js";
import { errorText, t } from "../lib/i18n.js";

const ASK_AFTER_MS = 150; // without a key, before the server is asked for suggestions

export class ComposerCommands {
  #session;
  #room;
  #list;
  #known = null; // the commands of the room, once asked for
  #text = null; // that suggestions are wanted for
  #timer = null;

  /** `list` is a suggestion-list. */
  constructor({ session, room, list }) {
    this.#session = session;
    this.#room = room;
    this.#list = list;
  }

  /** The text has changed. */
  typed(text) {
    clearTimeout(this.#timer);
    this.#text = text;
    if (!isCommand(text)) {
      this.#known = null; // a role may change before the next command
      this.#list.hide();
      return;
    }
    void this.#suggest(text);
  }

  /** Shows nothing until the text changes. */
  close() {
    clearTimeout(this.#timer);
    this.#text = null;
    this.#list.hide();
  }

  /** Whether the key was meant for the list. */
  takesKey({ key, shiftKey, altKey }) {
    if (!this.#list.isOpen || altKey) return false;
    if (key === "ArrowDown" || key === "ArrowUp") this.#list.move(key === "ArrowDown" ? 1 : -1);
    else if (key === "Escape") this.close();
    else if (!shiftKey && (key === "Tab" || (key === "Enter" && this.#list.hasActive))) this.#list.choose();
    else return false;
    return true;
  }

  /** Runs the text as a command. Resolves with why not, or with "". */
  async run(text) {
    this.close();
    try {
      await this.#session.runCommand(this.#room, text);
      return "";
    } catch (error) {
      const hint = error.code === "command.unknown" ? ` ${t("command.escape")}` : "";
      return errorText(error) + hint;
    }
  }

  async #suggest(text) {
    try {
      this.#known ??= await this.#session.commands(this.#room);
    } catch {
      return; // without a list the command can still be run
    }
    if (text !== this.#text) return;
    const name = calledName(text);
    if (name === null) {
      const found = suggestedNames(this.#known, text);
      const isWhole = this.#known.some((each) => `/${each.name}` === text.toLowerCase());
      this.#list.show(found, { first: !isWhole && text !== "/" });
      return;
    }
    const hint = this.#known.find((each) => each.name === name)?.usage ?? "";
    this.#list.show([], { hint });
    if (hint) this.#timer = setTimeout(() => void this.#ask(text, hint), ASK_AFTER_MS);
  }

  async #ask(text, hint) {
    const found = await this.#session.complete(this.#room, text).catch(() => []);
    if (text === this.#text && found.length) this.#list.show(found.filter((each) => each.text.trim() !== text.trim()), { hint });
  }
}
