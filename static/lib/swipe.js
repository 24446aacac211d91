/**
 * One finger that may be swiping sideways. Its first few pixels decide, for good: a finger that goes up or down scrolls,
 * and is none of this, wherever it goes afterwards.
 */

export const SLOP_PX = 10; // a finger that rests trembles as much
const ENOUGH_PX = 64;
const MOST_PX = 96; // further than that nothing follows the finger

export class Swipe {
  #x;
  #y;
  #sign;
  /** @type {boolean | null} */
  #isSideways = null; // until it is known
  #distance = 0;

  /** `sign` is 1 for swipes to the right, -1 for those to the left. */
  constructor({ x, y }, sign) {
    this.#x = x;
    this.#y = y;
    this.#sign = sign;
  }

  /** Takes where the finger is now. */
  to({ x, y }) {
    const along = (x - this.#x) * this.#sign;
    const across = Math.abs(y - this.#y);
    if (this.#isSideways === null && Math.max(Math.abs(along), across) > SLOP_PX) this.#isSideways = along > 2 * across;
    this.#distance = Math.min(Math.max(along, 0), MOST_PX);
  }

  /** Whether the finger still rests where it was put. */
  get isResting() {
    return this.#isSideways === null;
  }

  /** px that it has gone in the direction; 0 for a finger that does something else. */
  get distance() {
    return this.#isSideways ? this.#distance : 0;
  }

  /** Whether it would count if the finger was lifted now. */
  get isEnough() {
    return this.distance >= ENOUGH_PX;
  }
}
