/** How far the reader has read in threads, by the id of the root, kept by this device for one user. No DOM. */

const NAME = "threads"; // in localStorage
const MOST = 300; // threads; of more, the one that was touched the longest ago goes

export class SeenThreads {
  #storage;
  #user = null;
  #seqs = new Map();

  constructor(storage) {
    this.#storage = storage;
  }

  start(user) {
    this.#user = user;
    this.#seqs = new Map();
    try {
      const { user: whose, seqs } = JSON.parse(this.#storage?.getItem(NAME) ?? "{}");
      if (whose === user) this.#seqs = new Map(seqs);
    } catch {
      // What cannot be read counts as nothing.
    }
  }

  /** The seq of the last reply that was seen; null if nothing is known of the thread. */
  of(root) {
    return this.#seqs.get(root) ?? null;
  }

  set(root, seq) {
    this.#seqs.delete(root);
    this.#seqs.set(root, seq);
    if (this.#seqs.size > MOST) this.#seqs.delete(this.#seqs.keys().next().value);
    try {
      this.#storage?.setItem(NAME, JSON.stringify({ user: this.#user, seqs: [...this.#seqs] }));
    } catch {
      // It counts until the page is closed.
    }
  }

  clear() {
    this.#seqs.clear();
    try {
      this.#storage?.removeItem(NAME);
    } catch {
      // Nothing is there.
    }
  }
}
