/** A picture of which a square is taken, by dragging, with the keyboard, and by how much it is enlarged. */

import { Crop, MOST_ZOOM } from "./crop.js";
import { make } from "./make.js";

const SIDE = 256; // pixels of the picture that is made: sharp at twice the size at which pictures are shown
const QUALITY = 0.9;
const STEP = 0.05; // of the square, for an arrow key
const ARROWS = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
const KINDS = ["image/webp", "image/jpeg"]; // some browsers write no WebP, and give a PNG then, which may be too large

export class Cutter {
  #bitmap;
  #crop;
  #canvas = make("canvas", { width: SIDE, height: SIDE, className: "pictures-canvas", tabIndex: 0, role: "img" });
  #held = null; // the last event of the pointer that drags
  node;

  constructor(page, bitmap, isRound = true) {
    this.#bitmap = bitmap;
    this.#crop = new Crop(bitmap.width, bitmap.height);
    this.#canvas.classList.toggle("pictures-of-room", !isRound);
    this.#canvas.ariaLabel = page.t("crop");
    this.#canvas.dataset.testid = "picture-canvas";
    this.#canvas.onpointerdown = (event) => this.#grasp(event);
    this.#canvas.onpointermove = (event) => this.#drag(event);
    this.#canvas.onpointerup = this.#canvas.onpointercancel = () => (this.#held = null);
    this.#canvas.onkeydown = (event) => this.#onKey(event);
    const zoom = make("input", { type: "range", min: 1, max: MOST_ZOOM, step: 0.1, value: 1, oninput: () => this.#change(() => this.#crop.zoomTo(Number(zoom.value))) });
    zoom.dataset.testid = "picture-zoom";
    this.node = make("div", { className: "pictures-cutter" }, this.#canvas, make("label", { className: "field" }, make("span", { textContent: page.t("zoom") }), zoom));
    this.#draw();
  }

  /** The square, as a file of at most some 50 KB. */
  async blob() {
    for (const kind of KINDS) {
      const blob = await new Promise((resolve) => this.#canvas.toBlob(resolve, kind, QUALITY));
      if (blob?.type === kind) return blob;
    }
    throw new Error("this browser makes no pictures");
  }

  #grasp(event) {
    this.#canvas.setPointerCapture(event.pointerId);
    this.#held = event;
  }

  #drag(event) {
    if (!this.#held) return;
    const [across, down] = [this.#held.clientX - event.clientX, this.#held.clientY - event.clientY];
    this.#held = event;
    this.#change(() => this.#crop.moveBy(across / this.#canvas.clientWidth, down / this.#canvas.clientHeight));
  }

  #onKey(event) {
    const step = ARROWS[event.key];
    if (!step) return;
    event.preventDefault();
    this.#change(() => this.#crop.moveBy(...step));
  }

  #change(how) {
    how();
    this.#draw();
  }

  #draw() {
    const { left, top, side } = this.#crop;
    const context = this.#canvas.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.clearRect(0, 0, SIDE, SIDE);
    context.drawImage(this.#bitmap, left, top, side, side, 0, 0, SIDE, SIDE);
  }
}
