/** Which square of a picture is taken: around where, and how large. In pixels of the picture. No DOM. */

export const MOST_ZOOM = 4;

export class Crop {
  #width;
  #height;
  #zoom = 1;
  #x; // the middle
  #y;

  constructor(width, height) {
    [this.#width, this.#height] = [width, height];
    [this.#x, this.#y] = [width / 2, height / 2];
  }

  get side() {
    return Math.min(this.#width, this.#height) / this.#zoom;
  }

  get left() {
    return this.#x - this.side / 2;
  }

  get top() {
    return this.#y - this.side / 2;
  }

  /** 1 is the largest square. The middle stays, as far as the picture reaches. */
  zoomTo(zoom) {
    this.#zoom = Math.min(MOST_ZOOM, Math.max(1, zoom));
    this.moveBy(0, 0);
  }

  /** Moves the square by parts of its side. */
  moveBy(across, down) {
    const half = this.side / 2;
    this.#x = Math.min(this.#width - half, Math.max(half, this.#x + across * this.side));
    this.#y = Math.min(this.#height - half, Math.max(half, this.#y + down * this.side));
  }
}
