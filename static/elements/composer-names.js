/** Suggestions for a name that is being typed in a message: `@` members of the room and what plugins know, `#` rooms, `:` emoji. */

import { insertText } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { rightsIn } from "../lib/rights.js";
import { bare, plain, roomTitle } from "../lib/titles.js";

const ASK_AFTER_MS = 150; // without a key
const MOST = 8;
const OF_PLUGINS = 3; // of them, where there are many members
const NAMES_MS = 200; // for plugins, before members are shown alone
// That ends at the cursor. Of an emoji two letters: `:D` is none.
const NAME = /(?:^|[\s(（「])([@#]|:(?=[a-z0-9][a-z0-9_-]))([\p{L}\p{M}\p{N}_.-]{0,32})$/u;

const WIDE_NAMES = [
  { text: "@room", about: () => t("mention.room") },
  { text: "@here", about: () => t("mention.here") },
];

export class ComposerNames {
  #session;
  #store;
  #places;
  #room;
  #list;
  #field;
  #begun = null; // {sign, typed, from, to}: the name at the cursor that is suggested for
  #timer = null;

  /** `list` is a suggestion-list, `field` the text area. */
  constructor({ session, store, places, room, list, field }) {
    this.#session = session;
    this.#store = store;
    this.#places = places;
    this.#room = room;
    this.#list = list;
    this.#field = field;
  }

  /** Whether the list shows names. */
  get isOpen() {
    return this.#begun !== null && this.#list.isOpen;
  }

  /** The text has changed, and is no command. */
  typed() {
    clearTimeout(this.#timer);
    const wasOpen = this.#begun !== null;
    this.#begun = this.#atCursor();
    if (!this.#begun) {
      if (wasOpen) this.#list.hide();
      return;
    }
    const begun = this.#begun;
    if (begun.sign === "#") this.#show(begun, this.#rooms(begun.typed));
    else this.#timer = setTimeout(() => void this.#ask(begun), ASK_AFTER_MS);
  }

  close() {
    clearTimeout(this.#timer);
    this.#begun = null;
  }

  /** Puts the chosen name in place of what was typed of it, and the cursor behind it. */
  take(name) {
    const { from, to } = this.#begun;
    this.close();
    this.#list.hide();
    insertText(this.#field, `${name} `, from, to);
  }

  #atCursor() {
    const { value, selectionStart: to, selectionEnd } = this.#field;
    const match = to === selectionEnd && NAME.exec(value.slice(0, to));
    if (!match) return null;
    const [, sign, typed] = match;
    return { sign, typed, from: to - typed.length - 1, to };
  }

  async #ask(begun) {
    const { sign, typed } = begun;
    if (sign === ":") this.#offer(begun, await this.#emoji(typed).catch(() => []));
    else await this.#askForPeople(begun);
  }

  /** Names that plugins bring late are shown when they come: members do not wait for them. */
  async #askForPeople(begun) {
    const { typed } = begun;
    const coming = this.#named(typed).catch(() => []);
    const { items } = await this.#session.findMembers(this.#room, typed).catch(() => ({ items: [] }));
    const names = await Promise.race([coming, new Promise((resolve) => setTimeout(resolve, NAMES_MS))]);
    this.#offer(begun, this.#people(typed, items, names ?? []));
    if (!names) this.#offer(begun, this.#people(typed, items, await coming));
  }

  /** Shows options, unless the name was sent, or changed, meanwhile. */
  #offer(begun, options) {
    const now = document.activeElement === this.#field && this.#atCursor();
    if (begun === this.#begun && now?.typed === begun.typed) this.#show(begun, options);
  }

  async #emoji(typed) {
    return (await import("./emoji-choice.js")).suggestedEmoji(this.#places, this.#session.preferences.account, typed, this.#field);
  }

  async #named(typed) {
    if (this.#places.in("composer.names/v1").length === 0) return [];
    return (await import("./plugin-names.js")).suggestedNames(this.#places, this.#room, typed, this.#field);
  }

  #people(typed, items, names) {
    const room = this.#store.room(this.#room);
    const mayAll = room && rightsIn(this.#store.me, room).has("mention_all");
    const wide = mayAll ? WIDE_NAMES.filter(({ text }) => text.startsWith(plain(`@${typed}`))) : [];
    const members = items.filter(({ id, username }) => username && id !== this.#store.me?.id);
    const left = MOST - wide.length;
    const named = names.slice(0, Math.max(OF_PLUGINS, left - members.length));
    return [
      ...members.slice(0, left - named.length).map(({ name, username }) => ({ text: `@${username}`, label: `@${username}`, about: name })),
      ...named,
      ...wide.map(({ text, about }) => ({ text, label: text, about: about() })),
    ];
  }

  #rooms(typed) {
    const wanted = bare(typed);
    return [...this.#store.rooms.values()]
      .filter((room) => room.kind !== "direct" && bare(roomTitle(room)).startsWith(wanted))
      .map((room) => ({ text: `#${roomTitle(room)}`, label: `#${roomTitle(room)}`, about: room.topic }));
  }

  /** A name that is typed in full is not chosen by Enter: that sends. */
  #show({ sign, typed }, options) {
    const isWhole = options.some(({ text }) => plain(text) === plain(sign + typed));
    this.#list.show(options.slice(0, MOST), { first: typed !== "" && !isWhole });
  }
}
