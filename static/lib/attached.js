/**
 * What plugins have attached to a message that is being written: data for their namespaces, each shown as a chip.
 * Values of one namespace are merged: lists are joined, other fields replaced. No DOM.
 *
 * Fires "change".
 */

export const MOST = 10; // in one message, as many as the server takes files
let made = 0;

export class Attached extends EventTarget {
  #items = [];

  /**
   * `[{key, namespace, value, label, file, alt, isLater, progress, error, again}, …]`; without a value, it is still being
   * made, or will be when the message is sent (`isLater`). `alt` describes a picture, and is null for all else. No two
   * items of a page have the same `key`.
   */
  get items() {
    return this.#items;
  }

  /** What a draft keeps, `[{namespace, value, label}, …]`, with `file` where there is no value yet, and `alt`. */
  get kept() {
    return this.#items.filter(({ value, file }) => value !== null || file).map(outline);
  }

  /** Whether a message can carry all of it now. */
  get isReady() {
    return this.#items.every(({ value }) => value !== null);
  }

  /** Files are not waited for, unless they were refused: their message takes them along. */
  get isWaiting() {
    return this.#items.some(({ value, file, error }) => value === null && !(file && (!error || error.code === "connection.lost")));
  }

  /** Whether a file is being uploaded at the moment. */
  get isUploading() {
    return this.#items.some(({ value, file, isLater, error }) => value === null && file && !isLater && !error);
  }

  /**
   * Returns a handle: `change({value, label, progress})`, `fail(error, again)`, `remove()`. `removed` is called when the
   * person takes the chip away. `file` is what the value is made of; the plugin's `upload` can make it later, and with
   * `isLater` will. With an `alt`, also an empty one, the person can describe it. Throws a TypeError without a label, a
   * RangeError for too many.
   *
   * @param {string} namespace
   * @param {unknown} value
   * @param {{label?: string, removed?: () => void, file?: any, alt?: string | null, isLater?: boolean}} options
   */
  add(namespace, value, { label, removed, file = null, alt = null, isLater = false } = {}) {
    if (typeof namespace !== "string" || !namespace) throw new TypeError("attach: the namespace has to be a string");
    if (typeof label !== "string" || !label) throw new TypeError("attach: label has to be a string");
    if (this.#items.length >= MOST) throw new RangeError(`attach: there are ${MOST} already`);
    const item = { key: (made += 1), namespace, value: copied(value), label, file, alt, isLater, progress: null, error: null, again: null, removed };
    this.#items = [...this.#items, item];
    this.#changed();
    return Object.freeze({
      change: ({ value: now, label: text, progress }) => {
        if (now !== undefined) item.value = copied(now);
        Object.assign(item, { label: text ?? item.label, progress: progress ?? null, error: null, again: null });
        this.#changed();
      },
      fail: (error, again = null) => {
        Object.assign(item, { error, again, progress: null });
        this.#changed();
      },
      remove: () => this.#drop(item),
    });
  }

  /** The person says what it shows. */
  describe(item, alt) {
    item.alt = alt;
    this.#changed();
  }

  /** The person does not want it. */
  remove(item) {
    this.#drop(item);
    item.removed?.();
  }

  /** Everything goes, unsent. */
  clear() {
    for (const item of [...this.#items]) this.remove(item);
  }

  /**
   * What to send, `[{namespace, value, label}, …]`, with `file` where there is no value yet, and `alt`; from now on
   * nothing is attached.
   */
  take() {
    const taken = this.#items.map(outline);
    this.#items = [];
    this.#changed();
    return taken;
  }

  #drop(item) {
    this.#items = this.#items.filter((each) => each !== item);
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new CustomEvent("change"));
  }
}

function outline({ namespace, value, label, file, alt }) {
  return { namespace, value, label, ...(value === null && { file }), ...(alt !== null && { alt }) };
}

/** With the descriptions in the values, where the plugin that attached them can put them there. */
export function described(attached, places) {
  return attached.map((each) => {
    const { namespace, value, alt } = each;
    return alt && value !== null ? { ...each, value: takerOf(places, namespace)?.describe?.(value, alt) ?? value } : each;
  });
}

/** The item that takes files for this namespace. */
export function takerOf(places, namespace) {
  return places.in("composer.files/v1").find(({ plugin }) => plugin === namespace);
}

/** The data of a message with these values. */
export function dataOf(attached) {
  const data = {};
  for (const { namespace, value } of attached) data[namespace] = merged(data[namespace], value);
  return data;
}

function merged(before, value) {
  if (!isPlain(before) || !isPlain(value)) return value;
  const joined = { ...before };
  for (const [name, given] of Object.entries(value))
    joined[name] = Array.isArray(before[name]) && Array.isArray(given) ? [...before[name], ...given] : given;
  return joined;
}

function isPlain(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function copied(value) {
  return value === undefined || value === null ? null : structuredClone(value);
}
