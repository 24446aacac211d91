/**
 * Notifications: of messages to me, and of plugins. Plugins may change them or hold them back. No DOM.
 *
 * Away from the page they go to the desktop, if the person has switched that on; otherwise those of plugins are
 * shown in the page. Fires "notice" ({notice}), "fault" ({item, error}), "done" ({plugin, text}) and "chosen" ({room, seq}).
 */

import { DEVICE } from "./device.js";
import { plainOf } from "./late-formatting.js";
import { isMentioned } from "./mentions.js";
import { complain, frozen } from "./plugins.js";
import { isInRoom } from "./window.js";

const TITLE_CHARS = 120;
const BODY_CHARS = 400;
const DONE_CHARS = 200;
const FILTER_MS = 2_000; // a filter that takes longer is passed over

export class Notices extends EventTarget {
  #places;
  #store;
  #storage;
  #Desktop;
  #isAway;
  #account;
  #isSeen;
  #makeSounds;
  /** @type {Promise<import("./sounds.js").Sounds> | null} */
  #sounds = null;
  #faulty = new WeakSet(); // filters that failed, and are not asked until somebody tries again

  /**
   * `Desktop` is the browser's `Notification`, or null; `isAway()` whether nobody looks at the page; `account` is
   * AccountPreferences. `isSeen(room)` says whether somebody looks at that room in this tab; `makeSounds()` makes Sounds.
   */
  constructor({ places, store, storage, account = null, Desktop = globalThis.Notification ?? null, isAway = () => !isLookedAt(), isSeen = isOpen, makeSounds = load }) {
    super();
    this.#places = places;
    this.#store = store;
    this.#storage = storage;
    this.#account = account;
    this.#Desktop = Desktop;
    this.#isAway = isAway;
    this.#isSeen = isSeen;
    this.#makeSounds = makeSounds;
  }

  /** "on", "off", "denied" by the browser, or "missing". */
  get desktop() {
    if (!this.#Desktop) return "missing";
    if (this.#Desktop.permission === "denied") return "denied";
    return this.#Desktop.permission === "granted" && this.#storage?.getItem(DEVICE.notifications) === "on" ? "on" : "off";
  }

  /** To be called in answer to a click: browsers ask for permission only then. */
  async switchDesktop(on) {
    if (on && this.#Desktop?.permission === "default") await this.#Desktop.requestPermission();
    this.#storage?.setItem(DEVICE.notifications, on ? "on" : "off");
  }

  /** Of what this device sounds: "off", "direct" or "all". */
  get sound() {
    return this.#storage?.getItem(DEVICE.sounds) ?? "off";
  }

  switchSound(wish) {
    this.#storage?.setItem(DEVICE.sounds, wish);
  }

  /** Sounds once, in answer to a click. Resolves with whether it did. */
  async trySound() {
    return (await this.#loadSounds()).try();
  }

  /** A message of somebody else, which is told of if it is meant for me. */
  async message({ room, message }) {
    if (!isMentioned(message, this.#store.me?.id) && !(await this.#isWanted(this.#store.room(room), message))) return;
    await this.#tell({ title: message.author.name, body: plainOf(message.body), room, message, plugin: null });
  }

  /** A notification of a plugin, which may lead to a room, and in it to the message `seq`. Throws a TypeError without a title. */
  async notify(plugin, { title, body = "", room = null, seq = null }) {
    if (typeof title !== "string" || !title) throw new TypeError("notify: title has to be a string");
    await this.#tell({ title, body: String(body), room, seq, message: null, plugin });
  }

  /** What a plugin did, as the reader wanted; shown in the page alone. Throws a TypeError without a text. */
  tellDone(plugin, text) {
    if (typeof text !== "string" || !text) throw new TypeError("tellDone: the text has to be a string");
    this.#fire("done", { plugin, text: text.slice(0, DONE_CHARS) });
  }

  /** A filter that failed is asked again from now on. */
  again(item) {
    this.#faulty.delete(item);
  }

  async #tell(given) {
    let notice = given;
    for (const item of this.#places.in("notifications/v1")) {
      if (this.#faulty.has(item)) continue;
      try {
        const answer = await inTime(item.filter(frozen(notice)));
        if (answer === false) return;
        if (answer?.title !== undefined) notice = { ...notice, title: String(answer.title) };
        if (answer?.body !== undefined) notice = { ...notice, body: String(answer.body) };
      } catch (error) {
        this.#faulty.add(item);
        complain(item.plugin, error);
        this.#fire("fault", { item, error });
      }
    }
    await this.#show({ ...notice, title: notice.title.slice(0, TITLE_CHARS), body: notice.body.slice(0, BODY_CHARS) });
  }

  /** Whether a message that does not mention me is told of. */
  async #isWanted(room, message) {
    if (!room || room.prefers.muted) return false;
    if (room.kind === "direct" || (room.prefers.watched && isInRoom(message))) return true;
    return (await this.#wishes())?.hasWord(this.#account.get("notify.words"), message.body) ?? false;
  }

  /** What reads the preferences of notifications, if there are some: loaded with the first of them. */
  async #wishes() {
    return this.#account?.under("notify.").size > 0 ? import("./wishes.js") : null;
  }

  async #isQuiet() {
    return (await this.#wishes())?.isQuiet(this.#account, Date.now()) ?? false;
  }

  /** A sound that cannot be loaded is loaded with the next notice. */
  #loadSounds() {
    const sounds = (this.#sounds ??= this.#makeSounds());
    sounds.catch(() => (this.#sounds = null));
    return sounds;
  }

  async #tellAloud({ room, message, plugin, title }) {
    const { sound } = this;
    if (sound === "off") return;
    try {
      const [{ isHeard }, sounds, isQuiet] = await Promise.all([import("./sounds.js"), this.#loadSounds(), this.#isQuiet()]);
      const about = { me: this.#store.me?.id, message, room: this.#store.room(room) };
      if (!isQuiet && isHeard(sound, about)) await sounds.tell(message?.id ?? `${plugin} ${title}`, { isSeen: this.#isSeen(room) });
    } catch (error) {
      console.debug(error); // offline, and not kept
    }
  }

  async #show(notice) {
    void this.#tellAloud(notice);
    if (this.#isAway() && this.desktop === "on" && !(await this.#isQuiet())) {
      const shown = new this.#Desktop(notice.title, { body: notice.body, tag: notice.room ?? notice.plugin });
      shown.onclick = () => {
        shown.close();
        globalThis.focus?.();
        if (notice.room) this.#fire("chosen", { room: notice.room, seq: notice.seq ?? null });
      };
    } else if (notice.plugin) {
      this.#fire("notice", { notice });
    }
  }

  #fire(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

const load = async () => new (await import("./sounds.js")).Sounds();

/** Whether somebody looks at this tab: a window that can be seen beside another one is not looked at. */
function isLookedAt() {
  return !document.hidden && document.hasFocus();
}

/** Whether a room is open in this tab, which somebody looks at. */
function isOpen(room) {
  return isLookedAt() && new URLSearchParams(location.hash.slice(1)).get("room") === room;
}

function inTime(answer) {
  if (typeof answer?.then !== "function") return answer;
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error("the filter took too long")), FILTER_MS);
  });
  return Promise.race([answer, late]).finally(() => clearTimeout(timer));
}
