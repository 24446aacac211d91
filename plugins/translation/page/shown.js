/** The translations that the reader has asked for, until they hide them or the text changes. */

const MOST = 200;

export class Shown {
  #found = new Map(); // by message

  /** Of a message as it stands: its translation, `{isPending}` while the server is asked for it, `{refusal}` if it refused, or null. */
  of({ id, body }) {
    const found = this.#found.get(id);
    return found?.body === body ? found.translation : null;
  }

  put({ id, body }, translation) {
    this.#found.delete(id);
    this.#found.set(id, { body, translation });
    if (this.#found.size > MOST) this.#found.delete(this.#found.keys().next().value);
  }

  remove({ id }) {
    this.#found.delete(id);
  }
}
