/**
 * What a finger does on a touch screen besides tapping and scrolling: a long press, and a swipe to one side. Nothing can
 * be done by these alone: each has a button, too (WCAG 2.5.1). Scrolling and zooming are the browser's, which then takes
 * the finger away (`pointercancel`); the style sheet's `touch-action` says so.
 */

import { Swipe } from "../lib/swipe.js";

const LONG_PRESS_MS = 450; // before the 500 after which browsers open a menu of their own
const OWN_FINGERS = "a[href], button, input, select, textarea, summary, [contenteditable]"; // a press on these is theirs

/** 1 where lines go to the right, -1 where they go to the left. */
export function forwards(node) {
  return getComputedStyle(node).direction === "rtl" ? -1 : 1;
}

/**
 * Follows single fingers on `target`. `begin(event)` returns null for a finger that is of no interest, else what it does:
 * `{press?(), moved?(swipe), ended?(isDone)}`. `press` is called after a long press, `moved` while it swipes forwards,
 * and `ended` once, with whether the swipe counts.
 */
export function followFingers(target, begin, { signal }) {
  let finger = null; // {id, swipe, does, timer}

  const end = (isDone) => {
    const { timer, does, swipe } = finger;
    finger = null;
    clearTimeout(timer);
    if (!swipe.isResting) does.ended?.(isDone);
  };
  const press = (event) => {
    const { does } = finger;
    finger = null; // what it does after that is nothing of ours
    if (!event.target.closest(OWN_FINGERS)) does.press?.();
  };
  const listen = (type, listener) => target.addEventListener(type, listener, { signal, passive: true });

  listen("pointerdown", (event) => {
    if (finger) end(false); // two of them zoom
    const does = event.pointerType === "touch" && event.isPrimary ? begin(event) : null;
    if (!does) return;
    const swipe = new Swipe({ x: event.clientX, y: event.clientY }, forwards(target));
    finger = { id: event.pointerId, swipe, does, timer: setTimeout(() => press(event), LONG_PRESS_MS) };
  });
  listen("pointermove", (event) => {
    if (event.pointerId !== finger?.id) return;
    finger.swipe.to({ x: event.clientX, y: event.clientY });
    if (finger.swipe.isResting) return;
    clearTimeout(finger.timer);
    finger.does.moved?.(finger.swipe);
  });
  listen("pointerup", (event) => event.pointerId === finger?.id && end(finger.swipe.isEnough));
  listen("pointercancel", (event) => event.pointerId === finger?.id && end(false));
  signal.addEventListener("abort", () => finger && end(false));
}
