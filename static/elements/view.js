/** The base of the elements: listeners that end with the element, and drawing at most once a frame. */

import { drawSoon } from "../lib/drawing.js";

export class View extends HTMLElement {
  #listeners = null;
  #frame = null;
  #drawIfShown = () => this.isConnected && this.draw();

  connectedCallback() {
    this.#listeners = new AbortController();
    this.replaceChildren();
    this.build();
    this.draw();
  }

  disconnectedCallback() {
    this.#listeners.abort();
    cancelAnimationFrame(this.#frame);
    this.#frame = null;
    this.teardown();
  }

  /** Makes the nodes and listens. Called once each time the element enters the page. */
  build() {}

  /** Brings the nodes up to date with the state. */
  draw() {}

  teardown() {}

  /** Aborts when the element leaves the page. */
  get signal() {
    return this.#listeners.signal;
  }

  listen(target, type, listener, options = {}) {
    target.addEventListener(type, listener, { ...options, signal: this.signal });
  }

  redraw() {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = null;
      this.draw();
    });
  }

  redrawSoon() {
    drawSoon(this.#drawIfShown);
  }
}
