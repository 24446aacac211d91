/**
 * Shows a part of a long list: rows for the entries in sight and some around them, room for the others. It keeps the
 * place of what is in sight when anything above it changes, or stays at the end (`follows`). Entries have a `key`; one
 * that changes is another object. Which rows there are it decides; what is in them, and loading, is the owner's.
 */

const AROUND_PX = 700; // rows are made this far around what is in sight
const REMAKE_PX = 300; // … and again when less than this is left of them
const MOST_ROWS = 140;
const END_PX = 60; // this close to the end counts as being there
const STILL_MS = 150; // without scrolling, nobody scrolls
const PRESS_MS = 1_000; // for which rows stay as they are under a pointer that is down

export class VirtualList {
  follows = true; // stays at the end
  entries = [];
  #scroller;
  #list;
  #owner;
  #places = new Map(); // of entries, by key
  #heights = new Map(); // measured, by key, px
  #offsets = [0]; // of the upper edges of entries; the last one is the end
  #rows = new Map(); // by key, `{entry, node}`
  #start = 0;
  #end = 0;
  #shift = 0; // px by which rows stand higher than their offsets, until nobody scrolls
  #held = null; // what keeps its place: `{key, top, scrollTop}`, px below the scroller's upper edge at that scrollTop; null: at any
  #observer;
  #width = 0;
  #height = 0;
  #isTouched = false;
  #scrolledAt = 0;
  #still = 0;
  #frame = 0;
  #seen = 0; // the scrollTop that was known last
  #written = null; // the scrollTop that was set here
  #pressed = 0; // a timer, while a pointer is down on a row: rows that moved or were made anew would not get its click
  #waiting = []; // what `remake` is to make anew then

  /**
   * `owner` has `height(entry)`, an estimate in px; `make(entry)` → node; `replace(old, entry)` → node that stands where
   * `old` did; `lost(place)`, told when the row with the focus goes, and its place; `drawn()`, after each change of
   * rows; `scrolled()`; and `released()`, when rows may change again (`isPressed`).
   */
  constructor({ scroller, list, owner, signal }) {
    this.#scroller = scroller;
    this.#list = list;
    this.#owner = owner;
    this.#observer = new ResizeObserver((sizes) => this.#onSizes(sizes));
    this.#observer.observe(scroller);
    signal.addEventListener("abort", () => this.#stop());
    const passive = { passive: true, signal };
    scroller.addEventListener("scroll", () => this.#onScroll(), passive);
    scroller.addEventListener("touchstart", () => (this.#isTouched = true), passive);
    list.addEventListener("pointerdown", () => this.#press(), passive);
    for (const type of ["pointerup", "pointercancel"]) addEventListener(type, () => setTimeout(() => this.#release()), passive); // behind the click
    for (const type of ["touchend", "touchcancel"]) scroller.addEventListener(type, (event) => this.#onTouchEnd(event), passive);
  }

  #stop() {
    this.#observer.disconnect();
    cancelAnimationFrame(this.#frame);
    clearTimeout(this.#still);
    clearTimeout(this.#pressed);
    this.#pressed = 0;
  }

  get isPressed() {
    return this.#pressed > 0;
  }

  #press() {
    clearTimeout(this.#pressed);
    this.#pressed = setTimeout(() => this.#release(), PRESS_MS);
  }

  #release() {
    if (!this.isPressed) return;
    clearTimeout(this.#pressed);
    this.#pressed = 0;
    const waiting = this.#waiting.splice(0);
    if (waiting.length) this.remake((...row) => waiting.some((isMeant) => isMeant(...row)));
    this.#owner.released();
  }

  /** The node of an entry, if it has one. */
  node(key) {
    return this.#rows.get(key)?.node;
  }

  entryOf(node) {
    return this.entries[this.#places.get(node?.dataset.key)];
  }

  placeOf(key) {
    return this.#places.get(key) ?? -1;
  }

  /** The entry that stands at the upper edge, if one does. */
  get top() {
    return this.#held && this.entries[this.placeOf(this.#held.key)];
  }

  /** px from the upper edge down to an entry, while one stands there. */
  offsetOf({ key }) {
    return this.#held.top + this.#offsets[this.placeOf(key)] - this.#offsets[this.placeOf(this.#held.key)];
  }

  get isAtEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    return scrollHeight - scrollTop - clientHeight < END_PX;
  }

  /** px from what is in sight to the first entry, and to the end of the last one. */
  get distances() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    return { before: scrollTop + this.#shift, after: scrollHeight - scrollTop - clientHeight };
  }

  update(entries) {
    const lost = this.#focused;
    const place = lost ? this.placeOf(lost) : -1;
    this.entries = entries;
    this.#places = new Map(entries.map(({ key }, index) => [key, index]));
    if (this.#heights.size > 4 * entries.length + 400) this.#forgetHeights();
    this.#lay();
    if (this.#held && !this.#places.has(this.#held.key)) this.#held = this.#survivor();
    this.#draw();
    if (lost && !this.#places.has(lost)) this.#owner.lost(Math.min(place, entries.length - 1));
  }

  /** Makes rows anew: all, or those that are meant; while one is pressed, after that. */
  remake(isMeant = (_entry, _node) => true) {
    if (this.isPressed) return void this.#waiting.push(isMeant);
    for (const [key, { entry, node }] of this.#rows) {
      if (!isMeant(entry, node)) continue;
      this.#observer.unobserve(node);
      this.#rows.set(key, { entry, node: this.#made(entry, this.#owner.replace(node, entry)) });
    }
    this.#draw();
  }

  /** Shows an entry: `at` is "center", "nearest", or px below the upper edge. Nothing is followed any more. */
  show(key, at) {
    const place = this.placeOf(key);
    if (place < 0) return;
    const height = this.#offsets[place + 1] - this.#offsets[place];
    const { clientHeight } = this.#scroller;
    const node = this.node(key);
    if (at === "nearest" && node && !node.classList.contains("apart")) {
      const { top, bottom } = this.#edges(node);
      if (top >= 0 && bottom <= clientHeight) return;
      this.#aim(key, top < 0 ? 0 : Math.max(0, clientHeight - (bottom - top)));
    } else {
      const middle = Math.max(0, (clientHeight - height) / 2);
      this.#aim(key, typeof at === "number" ? at : middle);
    }
    this.follows = false;
    this.#shift = 0;
    this.#scrolledAt = 0;
    this.#draw();
    this.#owner.scrolled();
  }

  toEnd() {
    this.follows = true;
    this.#seen = 0; // nobody leaves it any more
    this.#shift = 0;
    this.#scrolledAt = 0;
    this.#draw();
  }

  // -- where entries are

  #lay() {
    const offsets = new Array(this.entries.length + 1);
    offsets[0] = 0;
    for (const [index, entry] of this.entries.entries()) {
      offsets[index + 1] = offsets[index] + (this.#heights.get(entry.key) ?? this.#owner.height(entry));
    }
    this.#offsets = offsets;
  }

  #forgetHeights() {
    const known = this.#heights;
    this.#heights = new Map(this.entries.filter(({ key }) => known.has(key)).map(({ key }) => [key, known.get(key)]));
  }

  /** The place of the entry at an offset. */
  #at(offset) {
    let low = 0;
    let high = this.entries.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#offsets[middle] <= offset) low = middle;
      else high = middle - 1;
    }
    return Math.max(0, low);
  }

  /** px below the upper edge of the scroller. */
  #edges(node) {
    const edge = this.#scroller.getBoundingClientRect().top;
    const { top, bottom } = node.getBoundingClientRect();
    return { top: top - edge, bottom: bottom - edge };
  }

  /** The offset at the upper edge of the scroller. */
  #viewTop() {
    if (this.follows) return this.#offsets.at(-1) - this.#clientHeight;
    const place = this.#held ? this.placeOf(this.#held.key) : -1;
    if (place >= 0) return this.#offsets[place] - this.#expected();
    return this.#shift - this.#edges(this.#list).top;
  }

  /** px. As it was measured last, since asking the scroller lays out what has changed. */
  get #clientHeight() {
    return this.#height || this.#scroller.clientHeight;
  }

  // -- what keeps its place

  #hold(key, top) {
    this.#held = { key, top, scrollTop: this.#scroller.scrollTop };
  }

  /** The same for a row that is not there yet. The browser scrolls by itself where rows around it are lower than was thought. */
  #aim(key, top) {
    this.#held = { key, top, scrollTop: null };
  }

  /** Where it should be now, px below the upper edge. */
  #expected() {
    if (this.#held.scrollTop === null) return this.#held.top;
    return this.#held.top - (this.#scroller.scrollTop - this.#held.scrollTop);
  }

  /** Takes the first row in sight as what keeps its place. */
  #take() {
    this.#held = null;
    for (let place = this.#start; place < this.#end; place++) {
      const { key } = this.entries[place];
      const { top, bottom } = this.#edges(this.#rows.get(key).node);
      if (bottom <= 0) continue;
      if (top < this.#scroller.clientHeight) this.#hold(key, top);
      return;
    }
  }

  /** Another row that is in sight, if the one that kept its place has gone. */
  #survivor() {
    const rows = [...this.#rows].filter(([key]) => this.#places.has(key));
    for (const [key, { node }] of rows) {
      const { top, bottom } = this.#edges(node);
      if (bottom > 0 && top < this.#scroller.clientHeight) return { key, top, scrollTop: this.#scroller.scrollTop };
    }
    return null;
  }

  // -- rows

  /** The key of the row with the focus: that row is never taken away while its entry is here. */
  get #focused() {
    const row = this.#list.contains(document.activeElement) && document.activeElement.closest("[data-key]");
    return row ? row.dataset.key : null;
  }

  #draw() {
    const viewTop = this.#viewTop();
    const bottom = viewTop + this.#clientHeight;
    this.#start = this.#at(viewTop - AROUND_PX);
    this.#end = Math.min(this.entries.length, this.#at(bottom + AROUND_PX) + 1, this.#start + MOST_ROWS);
    const fresh = this.#place();
    this.#pad();
    this.#measure(fresh);
    this.#keep();
    this.#owner.drawn();
  }

  /** Brings the rows up to date. Rows that stay are not moved, which would take the focus from them. */
  #place() {
    const kept = this.#focused;
    const rows = new Map();
    const fresh = [];
    for (const [key, row] of this.#rows) {
      const place = this.placeOf(key);
      const isInside = place >= this.#start && place < this.#end;
      if (isInside || (place >= 0 && key === kept)) rows.set(key, row);
      else this.#drop(row.node);
      if (rows.has(key)) this.#setApart(row.node, place, !isInside);
    }
    let next = this.#list.firstChild;
    for (let place = this.#start; place < this.#end; place++) {
      const entry = this.entries[place];
      while (next?.classList.contains("apart") && this.placeOf(next.dataset.key) < place) next = next.nextSibling;
      const known = rows.get(entry.key);
      const isNext = known && known.node === next;
      if (!known) {
        const node = this.#made(entry, this.#owner.make(entry));
        this.#list.insertBefore(node, next);
        rows.set(entry.key, { entry, node });
        fresh.push(entry.key);
        continue;
      }
      if (known.entry !== entry) {
        this.#observer.unobserve(known.node);
        const node = this.#made(entry, this.#owner.replace(known.node, entry));
        rows.set(entry.key, { entry, node });
        fresh.push(entry.key);
        next = isNext ? node : next;
      }
      const { node } = rows.get(entry.key);
      if (node === next) next = node.nextSibling;
      else this.#list.insertBefore(node, next);
    }
    this.#rows = rows;
    return fresh;
  }

  #made(entry, node) {
    node.dataset.key = entry.key;
    this.#observer.observe(node);
    return node;
  }

  #drop(node) {
    this.#observer.unobserve(node);
    node.remove();
  }

  /** A row with the focus that is out of sight stands where it belongs, and takes no room. */
  #setApart(node, place, isApart) {
    node.classList.toggle("apart", isApart);
    node.style.top = isApart ? `${this.#offsets[place] - this.#shift}px` : "";
  }

  #pad() {
    this.#list.style.paddingTop = `${Math.max(0, this.#offsets[this.#start] - this.#shift)}px`;
    this.#list.style.paddingBottom = `${Math.max(0, this.#offsets.at(-1) - this.#offsets[this.#end])}px`;
  }

  #measure(keys) {
    let isNew = false;
    for (const key of keys) {
      const { height } = this.#rows.get(key).node.getBoundingClientRect();
      if (this.#heights.get(key) === height) continue;
      this.#heights.set(key, height);
      isNew = true;
    }
    if (isNew) this.#lay();
  }

  // -- scrolling

  /** After any change: to the end, or so that what is held stands where it stood. */
  #keep() {
    if (this.follows) {
      if (!this.#isTouched && !this.#isLeaving) this.#scrollTo(this.#scroller.scrollHeight);
      this.#take();
      return;
    }
    const node = this.#held && this.node(this.#held.key);
    if (node && !node.classList.contains("apart")) this.#move(this.#edges(node).top - this.#expected());
    this.#take();
  }

  /**
   * Takes `distance` px away above what is held. While somebody scrolls, scrollTop is not written: that would end the
   * momentum of a touch. The room above the rows gives way, and is put right when nobody scrolls.
   */
  #move(distance) {
    if (Math.abs(distance) < 0.5) return;
    let rest = distance;
    if (this.#isScrolling) {
      const room = this.#offsets[this.#start] - this.#shift;
      const given = Math.min(rest, room);
      this.#shift += given;
      rest -= given;
      this.#pad();
    }
    if (Math.abs(rest) >= 0.5 && !this.#isTouched) this.#scrollTo(this.#scroller.scrollTop + rest);
    if (this.#shift > 0 && !this.#isTouched && this.#scroller.scrollTop < this.#scroller.clientHeight) this.#settle();
  }

  /** Whether the reader has scrolled up from the end, of which no event has told yet. */
  get #isLeaving() {
    return this.#scroller.scrollTop < this.#seen - 1 && !this.isAtEnd;
  }

  get #isScrolling() {
    return this.#isTouched || performance.now() - this.#scrolledAt < STILL_MS;
  }

  /** The room above the rows becomes what it should be. Nothing in sight moves. */
  #settle() {
    if (this.#shift === 0) return;
    const shift = this.#shift;
    this.#shift = 0;
    this.#pad();
    this.#scrollTo(this.#scroller.scrollTop + shift);
  }

  #scrollTo(top) {
    const before = this.#scroller.scrollTop;
    this.#scroller.scrollTop = top;
    if (this.#scroller.scrollTop !== before) this.#written = this.#scroller.scrollTop;
    this.#seen = this.#scroller.scrollTop;
  }

  #onScroll() {
    if (this.#scroller.scrollTop === this.#written) {
      this.#seen = this.#written;
      this.#written = null; // not by the reader: all is in its place, unless a row is not as high as was thought
      if (this.#isMissing()) this.#onMoved();
      return;
    }
    this.#scrolledAt = performance.now();
    clearTimeout(this.#still);
    this.#still = setTimeout(() => this.#onStill(), STILL_MS);
    this.#onMoved();
  }

  /** Whether rows are to be made at either end of what is in sight. */
  #isMissing() {
    const top = this.#offsets[this.#start] - this.#shift + this.#edges(this.#list).top;
    const bottom = top + this.#offsets[this.#end] - this.#offsets[this.#start];
    return (this.#start > 0 && top > -REMAKE_PX) || (this.#end < this.entries.length && bottom < this.#scroller.clientHeight + REMAKE_PX);
  }

  #onMoved() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#onFrame();
    });
  }

  #onTouchEnd({ touches }) {
    this.#isTouched = touches.length > 0;
    clearTimeout(this.#still);
    this.#scrolledAt = performance.now();
    this.#still = setTimeout(() => this.#onStill(), STILL_MS);
  }

  #onStill() {
    if (this.#isTouched) return;
    this.#scrolledAt = 0;
    if (this.follows) this.#keep();
    else this.#settle();
    this.#take();
    this.#owner.scrolled();
  }

  #onFrame() {
    if (this.#written !== null && this.#scroller.scrollTop === this.#written) this.#written = null;
    // Who has not scrolled up stays at the end, though rows or the scroller have another height since this frame began.
    if (this.follows && this.#scroller.scrollTop >= this.#seen - 1) this.#keep();
    else this.#take();
    this.#owner.scrolled();
    this.#seen = this.#scroller.scrollTop; // not before: rows may be made between the event and this frame
    if (!this.#isMissing()) return;
    this.#draw();
    this.#owner.scrolled();
  }

  #onSizes(sizes) {
    let isNew = false;
    for (const { target } of sizes) {
      if (target === this.#scroller) isNew = this.#onScrollerSize() || isNew;
      else isNew = this.#onRowSize(target) || isNew;
    }
    if (!isNew) return;
    this.#lay();
    this.#keep();
    this.#onMoved();
  }

  /** In another width, all rows have other heights. */
  #onScrollerSize() {
    const { clientWidth, clientHeight } = this.#scroller;
    this.#height = clientHeight;
    if (clientWidth !== this.#width) {
      this.#width = clientWidth;
      this.#heights.clear();
      for (const [key, { node }] of this.#rows) this.#heights.set(key, node.getBoundingClientRect().height);
    }
    return true;
  }

  #onRowSize(node) {
    const { height } = node.getBoundingClientRect();
    if (this.#rows.get(node.dataset.key)?.node !== node || this.#heights.get(node.dataset.key) === height) return false;
    this.#heights.set(node.dataset.key, height);
    return true;
  }
}
