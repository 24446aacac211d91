/**
 * The places of the page where plugins may put something, and what they have put there. No DOM.
 *
 * Fires "change" ({place}).
 */

import { roomRights } from "./rights.js";

const BUTTON = { id: "string", label: "function", icon: "string", run: "function" };
const PART = { id: "string", label: "function", mount: "function" };
// Each with the context that its functions get, and where it is shown; the table in docs/plugins/page.md is made of this.
const FIELDS = {
  // {room, thread, text, insert, attach}: beside the text; `thread` is the id of the message whose thread it is, or null
  "composer.buttons/v1": BUTTON,
  // {}: among the emoji to choose from, and suggested while a name is typed
  "composer.emoji/v1": { id: "string", list: "function" },
  // {room, files, attach}: nowhere: it gets what is pasted into the text or dropped on the room
  "composer.files/v1": { id: "string", take: "function" },
  // {room, text}: suggested with the members of the room while a name is typed behind `@`; resolves with `[{name, about}, …]`
  "composer.names/v1": { id: "string", find: "function" },
  // {room, text, reply_to, data, sent}: in a menu at the send button
  "composer.send/v1": { id: "string", label: "function", run: "function" },
  // {message}: with the other actions of a message
  "message.actions/v1": BUTTON,
  // {message, data, closed}: below the text of messages that carry data named `id`
  "message.data/v1": { id: "string", mount: "function" },
  // {message}: below the last message of the reader's own in a room, which is here up to its end
  "message.last/v1": { id: "string", mount: "function" },
  // {message, formatted}: below the text of the messages for which `wants({message})` is true
  "message.parts/v1": { id: "string", wants: "function", mount: "function" },
  // {}: in place of `:name:` in messages and reactions: the address of the picture for each name
  "message.emoji/v1": { id: "string", pictures: "object" },
  // {room}: in the room's head
  "room.actions/v1": BUTTON,
  // {room}: as a button in the room's head that opens a panel; on phones in the room's menu
  "room.panels/v1": { ...PART, icon: "string" },
  // {room}: in the panel of the room's settings
  "room.settings/v1": PART,
  // {id}: upon the initials of the user `id`, if it gives an address, now or later; with `roomPicture`, a function, on rooms, too
  "avatars/v1": { id: "string", picture: "function" },
  // {}: below the public rooms that one can join
  "directory.parts/v1": PART,
  // {user}: in the profile of the user's own settings
  "profile.parts/v1": PART,
  // {user}: as a page of the user's own settings
  "settings.page/v1": PART,
  // {user}: on the page of notifications, in the user's own settings
  "notifications.parts/v1": PART,
  // {attempt}: with the ways to sign in, in the user's own settings
  "account.parts/v1": PART,
  // {user}: as a page of the server's settings, for owners and admins of the server alone
  "admin.page/v1": PART,
  // {user}: in what is shown of a person whose name somebody chose; `user` has `id`, `name` and `bot`
  "person.parts/v1": PART,
  // {text, after}: in the list of people, and wherever one finds people by a text; resolves with `{people, after}`
  "people.find/v1": { id: "string", find: "function" },
  // {user}: in what staff of the server sees of an account
  "admin.user/v1": PART,
  // {close}: as a button in the head of the side bar that opens a dialog, with the number that `count`, if there is one, tells
  "side.panels/v1": { ...PART, icon: "string" },
  // {room, thread}: in the head of a thread, beside its name; `thread` is the id of the message that it begins with
  "thread.actions/v1": BUTTON,
  // {user}: as a line above the page
  "page.lines/v1": { id: "string", mount: "function" },
  // {title, body, room, message, plugin}: nowhere: it changes notifications or holds them back
  "notifications/v1": { id: "string", filter: "function" },
};
const EACH = { label: "function", run: "function" }; // of `each`, with which an item is for several messages, too
const CONDITIONS = ["own", "data", "lacks", "apart", "kinds", "moderates", "archived"]; // of `when`

export const PLACES = Object.keys(FIELDS).sort();

export class Places extends EventTarget {
  /** @type {Map<string, any[]>} */
  #items = new Map(PLACES.map((place) => [place, []]));
  /** @type {string[]} */
  #order = []; // of plugins

  /** The order in which plugins stand in each place, whichever comes first. Others stand behind them. */
  arrange(plugins) {
    this.#order = plugins;
  }

  /** Whether a plugin has a part in the page, also one that comes late. */
  has(plugin) {
    return this.#order.includes(plugin);
  }

  /** What is in a place, in the order of the plugins, and of each in the order of its coming. */
  in(place) {
    return this.#items.get(place) ?? [];
  }

  /** Whether a plugin keeps the text of a message from being edited, as a card beside it is about this text. */
  isFixed({ data = {} }) {
    return this.in("message.data/v1").some(({ id, fixed }) => fixed && Object.hasOwn(data, id));
  }

  /**
   * Puts a plugin's item into a place, and returns a function that takes it away. Throws a TypeError
   * that says what is wrong with the item.
   */
  put(plugin, place, item) {
    const given = checked(plugin, place, item);
    const items = this.in(place);
    if (items.some((other) => other.key === given.key)) throw new TypeError(`${place}: there is an item ${given.key} already`);
    const rank = (item) => this.#order.indexOf(item.plugin) >>> 0; // of one that is not known: the last
    this.#items.set(place, [...items, given].sort((one, other) => rank(one) - rank(other)));
    this.#changed(place, given);
    return () => this.#take(place, (other) => other === given);
  }

  /** Has what shows labels of a place ask for them again. */
  relabel(place) {
    this.#changed(place);
  }

  /** Takes away everything that a plugin has put anywhere. */
  clear(plugin) {
    for (const place of PLACES) this.#take(place, (item) => item.plugin === plugin);
  }

  #take(place, isMeant) {
    const items = this.in(place);
    const left = items.filter((item) => !isMeant(item));
    if (left.length === items.length) return;
    this.#items.set(place, left);
    this.#changed(place);
  }

  /** `item` is the one that came, if it is that. */
  #changed(place, item = null) {
    this.dispatchEvent(new CustomEvent("change", { detail: { place, item } }));
  }
}

function checked(plugin, place, item) {
  const fields = FIELDS[place];
  if (!fields) throw new TypeError(`there is no place ${place}; there are ${PLACES.join(", ")}`);
  // A text is a label as well; a function gives it in the language of the moment.
  const given = { ...item, label: typeof item?.label === "string" ? () => item.label : item?.label };
  for (const [name, kind] of Object.entries(fields))
    if (typeof given[name] !== kind || !given[name]) throw new TypeError(`${place}: ${name} has to be a ${kind}`);
  for (const [name, kind] of Object.entries(given.each ? EACH : {}))
    if (typeof given.each[name] !== kind) throw new TypeError(`${place}: each.${name} has to be a ${kind}`);
  for (const name of Object.keys(given.when ?? {}))
    if (!CONDITIONS.includes(name)) throw new TypeError(`${place}: there is no condition ${name}; there are ${CONDITIONS.join(", ")}`);
  return Object.freeze({ ...given, plugin, key: `${plugin}.${given.id}` });
}

/**
 * Whether an item wants to be shown for a message or a room: `when` has only data, so that every client can tell.
 *
 * @param {{when?: {own?: boolean, data?: string, lacks?: string, apart?: boolean, kinds?: string[], moderates?: boolean, archived?: boolean}}} item
 * @param {{message?: any, room?: any, me?: any}} where
 */
export function applies({ when = {} }, { message, room, me }) {
  if (message && room?.archived && !when.archived) return false;
  if (when.own !== undefined && when.own !== (message?.author.id === me.id)) return false;
  if (when.data !== undefined && !Object.hasOwn(message?.data ?? {}, when.data)) return false;
  if (when.lacks !== undefined && Object.hasOwn(message?.data ?? {}, when.lacks)) return false;
  if (when.apart !== undefined && when.apart !== isApart(message)) return false;
  if (when.moderates !== undefined && when.moderates !== moderates(room, me)) return false;
  return when.kinds === undefined || when.kinds.includes(room?.kind);
}

/** Whether a message is a reply that stands in its thread alone. */
function isApart(message) {
  return Boolean(message?.thread) && !message.broadcast;
}

function moderates(room, me) {
  return Boolean(room) && roomRights(me.role, room.kind, room.role ?? null, room.archived).has("moderate");
}
