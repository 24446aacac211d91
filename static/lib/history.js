/** The pages of a room's messages: which are loaded, and when. No DOM. */

import { messagesOf } from "./shapes.js";

export const PAGE = 50;
const UNREAD_SHOWN = 25; // with more of them, a room opens where they begin

export class RoomHistory {
  #connection;
  #store;
  #onPage;
  #loading = new Map(); // by room and kind of page
  #wanted = new Map(); // by room, the last page that is to replace what is here

  /** `onPage(room, messages)` is called when a page has come into the store. */
  constructor({ connection, store, onPage }) {
    this.#connection = connection;
    this.#store = store;
    this.#onPage = onPage;
  }

  /** Makes sure that the page to begin with is here: where one wants to go, was, or stopped reading; else the newest. */
  async open(id) {
    const room = this.#store.room(id);
    if (room) room.opened = true;
    if (!room?.joined || (room.loaded && !isUnreadMissing(room))) return;
    const unread = room.unread > UNREAD_SHOWN || (room.loaded && isUnreadMissing(room)) ? room.read : null;
    const around = room.wanted ?? room.place?.seq ?? unread;
    if (around === null) await this.loadNewest(id);
    else await this.loadAround(id, around);
  }

  /** The messages around a seq take the place of those that are here. */
  loadAround(id, seq) {
    return this.#loadAnew(id, { around: seq });
  }

  loadNewest(id) {
    return this.#loadAnew(id, {});
  }

  async loadOlder(id) {
    const room = this.#store.room(id);
    if (room?.loaded && room.moreBefore) await this.#load(id, { before: room.prev });
  }

  async loadNewer(id) {
    const room = this.#store.room(id);
    if (room?.loaded && room.moreAfter) await this.#load(id, { after: room.next });
  }

  /**
   * A fresh page takes the place of what is here, since events between the two were lost: around where one wants to go, or
   * reads. Resolves with its head.
   */
  async reload(id) {
    const room = this.#store.room(id);
    const around = room?.wanted ?? room?.held ?? undefined;
    const page = await this.#connection.request("history", { room: id, limit: PAGE, around });
    messagesOf(page); // else what is here stays
    this.#store.forgetMessages(id);
    this.#store.subscribed(id, page.head);
    this.#applyPage(id, page, {});
    return page.head;
  }

  /** One page in each direction at a time. */
  #load(id, place) {
    const key = `${id} ${JSON.stringify(place)}`;
    if (!this.#loading.has(key)) {
      const done = this.#connection
        .request("history", { room: id, limit: PAGE, ...place })
        .then((page) => this.#applyPage(id, page, place))
        .finally(() => this.#loading.delete(key));
      this.#loading.set(key, done);
    }
    return this.#loading.get(key);
  }

  /** Only the last one that was asked for is shown. */
  #loadAnew(id, place) {
    const key = `${id} anew ${JSON.stringify(place)}`;
    this.#wanted.set(id, key);
    if (!this.#loading.has(key)) {
      const done = this.#connection
        .request("history", { room: id, limit: PAGE, ...place })
        .then((page) => this.#wanted.get(id) === key && this.#applyPage(id, page, {}))
        .finally(() => this.#loading.delete(key));
      this.#loading.set(key, done);
    }
    return this.#loading.get(key);
  }

  #applyPage(id, page, place) {
    const messages = messagesOf(page);
    const moreBefore = page.more_before ?? (page.more || page.messages.length >= PAGE);
    this.#store.applyPage(id, { ...page, messages, more_before: moreBefore }, place);
    this.#onPage(id, messages);
  }
}

/** Whether reading stopped before the messages that are here begin. */
function isUnreadMissing({ unread, read, moreBefore, prev }) {
  return unread > 0 && moreBefore && prev > read;
}
