/**
 * Keeps the children of a node true to a list of keyed items. The node of a key is made once, updated in place and never
 * replaced, so that its focus, its selection and a press of the mouse on it stay.
 */

export class Keyed {
  #parent;
  #make;
  #update;
  #nodes = new Map();

  /** `make(item)` returns a new node for an item, and `update(node, item)` brings it up to date, the first time too. */
  constructor(parent, { make, update }) {
    this.#parent = parent;
    this.#make = make;
    this.#update = update;
  }

  /** The node of a key; undefined if the list lacks it. */
  node(key) {
    return this.#nodes.get(key);
  }

  /** Shows exactly these items, `[{key, …}, …]`, in this order. Nodes that need not move are not moved. */
  show(items) {
    const wanted = new Set(items.map(({ key }) => key));
    for (const [key, node] of this.#nodes) {
      if (wanted.has(key)) continue;
      node.remove();
      this.#nodes.delete(key);
    }
    let place = this.#parent.firstChild;
    for (const item of items) {
      const node = this.#nodes.get(item.key) ?? this.#made(item);
      this.#update(node, item);
      if (node === place) place = place.nextSibling;
      // The node at the place comes later in the list: it moves, not all that follow it.
      else if (place && node === place.nextSibling) place = node.nextSibling;
      else this.#parent.insertBefore(node, place);
    }
  }

  /** Brings one item up to date, if it is in the list. */
  update(item) {
    const node = this.#nodes.get(item.key);
    if (node) this.#update(node, item);
  }

  #made(item) {
    const node = this.#make(item);
    this.#nodes.set(item.key, node);
    return node;
  }
}
