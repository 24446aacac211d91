/**
 * What fingers do in an open room, loaded on touch screens alone. A long press on a message opens its actions, as a tap
 * does; a swipe along the line answers it, as the button in its actions does; one from the edge of the screen where lines
 * begin goes back, as a button in the head does.
 */

import { h, icon, ICONS } from "../lib/dom.js";
import { rightsIn } from "../lib/rights.js";
import { followFingers, forwards } from "./fingers.js";
import "./gestures-sheet.js";

const EDGE_PX = 28; // from where the screen begins

/** Follows the fingers on a `<room-view>` until `signal` aborts. */
export function roomGestures({ view, signal }) {
  const begin = (event) => (isAtEdge(view, event) ? fromEdge(view) : onMessage(event.target));
  followFingers(view, begin, { signal });
}

function isAtEdge(view, { clientX }) {
  const { left, right } = view.getBoundingClientRect();
  return (forwards(view) > 0 ? clientX - left : right - clientX) < EDGE_PX;
}

function onMessage(target) {
  const list = target.closest("message-list");
  const row = list && target.closest("article");
  const message = row && list.answerable(row);
  if (!message) return null;
  const press = () => row.focus({ preventScroll: true });
  if (!rightsIn(list.store.me, list.store.room(list.flow.room)).has("post")) return { press };
  return {
    press,
    ...followed(row, ICONS.reply, () => list.dispatchEvent(new CustomEvent("reply", { detail: { message } }))),
  };
}

function fromEdge(view) {
  const button = wayBack(view);
  return button && followed(view, ICONS.back, () => button.click());
}

/** What closes the panel that hides the messages, else what leads back to the list; null where that stands beside the room. */
function wayBack(view) {
  const panel = view.querySelector(".room-panel");
  if (panel.checkVisibility() && getComputedStyle(panel).position === "absolute") return panel.querySelector("header button");
  const back = view.querySelector(".back");
  return back.checkVisibility() ? back : null;
}

/** A node that follows the finger, with a sign of what the swipe does once it is long enough. */
function followed(node, path, done) {
  const sign = h("span", { class: "swipe-sign", "aria-hidden": "true" }, icon(path));
  return {
    moved(swipe) {
      if (!swipe.distance && !sign.isConnected) return;
      if (!sign.isConnected) node.append(sign);
      sign.classList.toggle("enough", swipe.isEnough);
      node.classList.add("swiped");
      node.style.setProperty("--swipe", `${swipe.distance * forwards(node)}px`);
    },
    ended(isDone) {
      sign.remove();
      node.classList.remove("swiped");
      node.style.removeProperty("--swipe");
      if (isDone) done();
    },
  };
}
