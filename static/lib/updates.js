/**
 * New versions of the page: has the browser keep its files (service-worker.js), and says when a newer version is there.
 * It takes over only when the reader wants it. No DOM.
 *
 * Fires "available" ({}): `take()` shows the new version. Without a container, as on an address without TLS, nothing
 * is kept, and nothing is said.
 */

const SCRIPT = "/static/service-worker.js";
const TAKE_OVER = "take-over";
const CHECK_EVERY_MS = 60_000;
const ASK_AGAIN_MS = 5_000;
const TAKING_MS = 10_000; // browsers let a busy worker go on for minutes

export class Updates extends EventTarget {
  available = false;
  #container;
  #reload;
  /** @type {ServiceWorkerRegistration | null} */
  #registration = null;
  #isRefused = false; // by the browser: asked again with the next look for a version
  #build = "";
  #wasControlled = false;
  #isTaking = false;
  #taking = 0; // the timer of a version that does not take over
  #checkedAt = 0;

  constructor({ container, reload }) {
    super();
    this.#container = container;
    this.#reload = reload;
  }

  /**
   * `build` is the version of this page; "" for a page that is not to be kept. `before` is the worker that the page was
   * loaded by, or null: another one may have taken over since.
   */
  async start(build, before = this.#container?.controller) {
    if (!this.#container || !build) return;
    this.#build = build;
    this.#wasControlled = Boolean(before);
    this.#container.addEventListener("controllerchange", () => void this.#onTakenOver());
    if (this.#container.controller !== before) void this.#onTakenOver();
    await this.#register();
  }

  async #register() {
    this.#isRefused = false;
    try {
      this.#watch(await this.#container.register(SCRIPT, { scope: "/", updateViaCache: "none" }));
    } catch (error) {
      this.#isRefused = true;
      console.info("service worker:", error); // storage may be blocked; the page works without
    }
  }

  /** Looks for a new version, at most once a minute: the server may have been replaced. */
  check(now = Date.now()) {
    if (!(this.#registration || this.#isRefused) || now - this.#checkedAt < CHECK_EVERY_MS) return;
    this.#checkedAt = now;
    if (this.#isRefused) void this.#register();
    else this.#registration?.update().catch(() => {}); // no network, or one that is not to be kept: this one goes on
  }

  /** Shows the new version. */
  take() {
    const waiting = this.#registration?.waiting;
    this.#isTaking = true;
    if (!waiting) {
      this.#reload(); // another window had it take over
      return;
    }
    haveTakeOver(waiting);
    this.#taking = setTimeout(() => this.#reload(), TAKING_MS); // which asks the server first, whichever worker there is
  }

  #watch(registration) {
    this.#registration = registration;
    if (registration.waiting) void this.#offer(registration.waiting);
    registration.addEventListener("updatefound", () => this.#follow(registration.installing));
    this.#follow(registration.installing);
  }

  #follow(worker) {
    worker?.addEventListener("statechange", () => {
      if (worker.state === "installed") void this.#offer(worker);
    });
  }

  /** After a reload, this page may be of the version that waits. */
  async #offer(worker) {
    if (!this.#container.controller) return; // the first version, for which nobody has to be asked
    if ((await buildOf(worker)) === this.#build) haveTakeOver(worker);
    else this.#say();
  }

  #say() {
    this.available = true;
    this.dispatchEvent(new CustomEvent("available", { detail: {} }));
  }

  /** Another window's reader may have wanted it: this window goes on with its own files until its reader does. */
  async #onTakenOver() {
    clearTimeout(this.#taking);
    const isFirst = !this.#wasControlled;
    this.#wasControlled = true;
    if (this.#isTaking) this.#reload();
    else if (!isFirst && (await buildOf(this.#container.controller)) !== this.#build) this.#say();
  }
}

/** Asked again until it does: a worker that is being started may lose what it is told. */
function haveTakeOver(worker) {
  const ask = () => (worker.state === "installed" ? worker.postMessage(TAKE_OVER) : clearInterval(asking));
  const asking = setInterval(ask, ASK_AGAIN_MS);
  ask();
}

/** The version of a worker; it never resolves if the worker is gone. One that is being started may lose a question. */
function buildOf(worker) {
  return new Promise((resolve) => {
    const ask = () => {
      if (worker.state === "redundant") return clearInterval(asking);
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = ({ data }) => {
        clearInterval(asking);
        port1.close();
        resolve(data);
      };
      worker.postMessage("build", [port2]);
    };
    const asking = setInterval(ask, ASK_AGAIN_MS);
    ask();
  });
}
