/**
 * The sound of this device that tells of a message: two short, quiet tones, which the browser makes (Web Audio). Loaded where
 * somebody switched it on. Of all tabs of a browser one sounds, and at most once in two seconds. No DOM.
 */

import { isMentioned } from "./mentions.js";

export const WISHES = ["off", "direct", "all"]; // "direct": of direct messages and mentions
const GAP_MS = 2_000; // between two sounds
const SLOW_MS = 60_000; // within which all tabs have heard of a message
const SEEN_MS = 100; // within which a tab that shows the room is heard of by the others
const START_MS = 300; // for the browser to let it sound; later it would be about something else
const LOCK = "chat:sound";
const TONES = [[587.33, 0], [783.99, 0.14]]; // Hz (D5, G5) and the second at which each begins
const TONE_S = 0.4;
const LOUDNESS = 0.06; // of 1

/**
 * Whether a notice sounds: `wish` is of this device, `me` the reader's id, `message` null in a notice of a plugin, and
 * `room` its room in the store, if there is one. Whoever mutes a room hears nothing of it, not even a mention.
 */
export function isHeard(wish, { me, message, room }) {
  if (wish !== "direct" && wish !== "all") return false;
  if (room?.prefers.muted || message?.author.id === me) return false;
  return wish === "all" || (message !== null && (room?.kind === "direct" || isMentioned(message, me)));
}

export class Sounds {
  #makeContext;
  #locks;
  #mayStart;
  #held = new Set(); // in place of locks of the browser
  /** @type {AudioContext | null} */
  #context = null;

  /**
   * `makeContext()` returns an AudioContext; `locks` is `navigator.locks`, which browsers have on https and localhost alone:
   * without it each tab counts for itself. `mayStart()` says whether somebody has pressed anything in this tab, before
   * which browsers let nothing sound.
   */
  constructor({
    makeContext = () => new AudioContext(),
    locks = globalThis.navigator?.locks ?? null,
    mayStart = () => globalThis.navigator?.userActivation?.hasBeenActive ?? true,
  } = {}) {
    this.#makeContext = makeContext;
    this.#locks = locks;
    this.#mayStart = mayStart;
  }

  /**
   * Sounds for a notice, which has the same name (`about`) in all tabs, unless one of them did within two seconds, or shows
   * what it is about (`isSeen`). Resolves with whether this one did.
   */
  async tell(about, { isSeen = false } = {}) {
    const own = `${LOCK} ${about}`;
    if (isSeen) {
      await this.#take(own, SLOW_MS);
      return false;
    }
    const context = await this.#started();
    if (!context) return false;
    await new Promise((resolve) => setTimeout(resolve, SEEN_MS));
    if (!(await this.#take(own, SLOW_MS)) || !(await this.#take(LOCK, GAP_MS))) return false;
    sound(context);
    return true;
  }

  /** Sounds at once, in answer to a press; false if this browser cannot. */
  async try() {
    const context = await this.#started();
    if (context) sound(context);
    return context !== null;
  }

  /** Takes a lock for so many ms. Resolves with whether it was free. */
  #take(name, ms) {
    const gap = () => new Promise((resolve) => setTimeout(resolve, ms));
    if (!this.#locks) {
      if (this.#held.has(name)) return Promise.resolve(false);
      this.#held.add(name);
      void gap().then(() => this.#held.delete(name));
      return Promise.resolve(true);
    }
    return new Promise((resolve) => {
      const hold = (lock) => {
        resolve(lock !== null);
        return lock && gap();
      };
      this.#locks.request(name, { ifAvailable: true }, hold).catch(() => resolve(false));
    });
  }

  /** The context, if the browser lets it sound now; else null. */
  async #started() {
    if (!this.#mayStart()) return null;
    try {
      const context = (this.#context ??= this.#makeContext());
      if (context.state !== "running") await Promise.race([context.resume(), new Promise((resolve) => setTimeout(resolve, START_MS))]);
      return isRunning(context) ? context : null;
    } catch (error) {
      console.debug(error); // a browser without sound, or a machine
      return null;
    }
  }
}

function isRunning({ state }) {
  return state === "running";
}

/** Both tones; the context rests when they have ended. */
function sound(context) {
  const oscillators = TONES.map(([frequency, after]) => {
    const start = context.currentTime + after;
    const oscillator = context.createOscillator();
    const gain = context.createGain();
    oscillator.frequency.value = frequency;
    gain.gain.setValueAtTime(0, start);
    gain.gain.linearRampToValueAtTime(LOUDNESS, start + 0.02);
    gain.gain.exponentialRampToValueAtTime(0.0001, start + TONE_S);
    oscillator.connect(gain).connect(context.destination);
    oscillator.start(start);
    oscillator.stop(start + TONE_S);
    return oscillator;
  });
  oscillators.at(-1).onended = () => void context.suspend();
}
