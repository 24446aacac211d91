/** Messages of one room, or thread, that are chosen to do one thing with all of them. No DOM. */

export const MOST_CHOSEN = 100;

/**
 * Whether the message of an entry of the timeline can be chosen: it stands in the log, and is shown.
 * @param {{message?: any, folded?: boolean}} entry
 */
export function isChoosable({ message, folded } = {}) {
  return Boolean(message?.seq && !message.state && !message.deleted && !folded);
}

/** Messages as a text to paste elsewhere: time, author and body of each. `when(date)` writes a time. */
export function asText(messages, when) {
  return messages.map(({ at, author, body, data_text: other = "" }) => `${when(new Date(at))} ${author.name}: ${body || other}`).join("\n");
}

export class Chosen {
  #messages = new Map(); // by id
  #before = new Map(); // those chosen before the range
  #from = null; // the ids of the messages where the range begins
  #to = null; // … and ends

  get count() {
    return this.#messages.size;
  }

  /** Those chosen, in the order of the room. */
  get messages() {
    return [...this.#messages.values()].sort((one, other) => one.seq - other.seq);
  }

  has(id) {
    return this.#messages.has(id);
  }

  /** Chooses a message, or gives it up if it is chosen; a range begins there. Returns false if MOST_CHOSEN others are. */
  toggle(message) {
    if (!this.#messages.delete(message.id)) {
      if (this.count >= MOST_CHOSEN) return false;
      this.#messages.set(message.id, message);
    }
    this.#begin(message.id);
    return true;
  }

  /**
   * Chooses the messages of `shown`, in their order, from where the range begins to `message`, in place of the range before. It
   * begins where the last message was toggled, or at the id `from` if the range before has no end there. Returns false if not all
   * of them could be chosen: MOST_CHOSEN are then, those nearest to the beginning.
   */
  extend(shown, message, from = this.#from) {
    if (from !== this.#from && from !== this.#to) this.#begin(from);
    const end = shown.findIndex(({ id }) => id === message.id);
    let start = shown.findIndex(({ id }) => id === this.#from);
    if (start < 0) {
      this.#begin(message.id);
      start = end;
    }
    const range = start <= end ? shown.slice(start, end + 1) : shown.slice(end, start + 1).reverse();
    const chosen = new Map(this.#before);
    for (const each of range) if (chosen.size < MOST_CHOSEN) chosen.set(each.id, each);
    this.#messages = chosen;
    this.#to = message.id;
    return range.every(({ id }) => chosen.has(id));
  }

  /** A chosen message is now as `changed` returns it; one that was deleted is chosen no more. */
  change(id, changed) {
    for (const messages of [this.#messages, this.#before]) {
      if (messages.has(id)) messages.set(id, changed(messages.get(id)));
    }
    this.keep(({ deleted }) => !deleted);
  }

  /** Gives up all messages that are not `wanted`. */
  keep(wanted) {
    for (const messages of [this.#messages, this.#before]) {
      for (const [id, message] of messages) if (!wanted(message)) messages.delete(id);
    }
  }

  #begin(id) {
    this.#from = id;
    this.#to = id;
    this.#before = new Map(this.#messages);
  }
}
