/** Addresses of messages, `/m/ID` on this server: which one an address leads to, and the one that the page was opened with. No DOM. */

const MESSAGE = /^\/m\/([\w.~-]+-\d{1,15})$/;
const KEPT = "linked"; // the name in the tab's storage

/** The address of a message. */
export function linkTo(id, origin) {
  return `${origin}/m/${id}`;
}

/** The id of the message of this server (`origin`) to which an address leads; null for others. */
export function linkedMessage(address, origin) {
  if (!URL.canParse(address)) return null;
  const url = new URL(address);
  return url.origin === origin ? (MESSAGE.exec(url.pathname)?.[1] ?? null) : null;
}

/**
 * The message that the page was opened at, until its reader is led there. It outlasts a sign-in at another server, which
 * leads away from the page and back.
 */
export class Linked {
  /** @type {string | null} */
  id = null;
  #tab;

  /** `tab` is the storage of this tab, or null. */
  constructor({ address, origin, tab, comesBack }) {
    this.#tab = tab;
    this.id = linkedMessage(address, origin) ?? (comesBack ? (tab?.getItem(KEPT) ?? null) : null);
    try {
      if (this.id) tab?.setItem(KEPT, this.id);
      else tab?.removeItem(KEPT);
    } catch {
      // It counts as long as the page is not left.
    }
  }

  /** The reader was led there, or there is no such message. */
  done() {
    this.id = null;
    this.#tab?.removeItem(KEPT);
  }
}
