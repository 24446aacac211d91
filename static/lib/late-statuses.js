/** Statuses (statuses.js), loaded a moment after the first messages are here, which do not wait for them. No DOM. */

const LATER_MS = 3_000; // as for what keeps the page in the browser

export class LateStatuses extends EventTarget {
  #given;
  /** @type {import("./statuses.js").Statuses | null} */
  #statuses = null;
  #asked = new Set();
  #isDue = false;

  constructor(given) {
    super();
    this.#given = given;
  }

  of(user) {
    if (this.#statuses) return this.#statuses.of(user);
    this.#asked.add(user);
    return null;
  }

  applyEvent(event) {
    this.#statuses?.applyEvent(event); // before it is loaded there is nothing to change: all are asked for then
  }

  reset() {
    this.#asked.clear();
    this.#statuses?.reset();
  }

  refresh() {
    if (this.#statuses) this.#statuses.refresh();
    if (this.#statuses || this.#isDue) return;
    this.#isDue = true;
    setTimeout(() => this.#load().catch(() => (this.#isDue = false)), LATER_MS); // tried again on the next connection
  }

  async set(fields) {
    const statuses = await this.#load();
    await statuses.set(fields);
  }

  async #load() {
    const { Statuses } = await import("./statuses.js");
    if (this.#statuses) return this.#statuses;
    const statuses = new Statuses(this.#given);
    this.#statuses = statuses;
    statuses.addEventListener("change", (/** @type {any} */ { detail }) => this.dispatchEvent(new CustomEvent("change", { detail })));
    for (const user of this.#asked) statuses.of(user);
    return statuses;
  }
}
