/** The bar of what one can do with a message. There is one at a time, in the row that somebody points at or is in. */

import { h, icon, ICONS } from "../lib/dom.js";
import { hasEmoji } from "../lib/emoji.js";
import { t } from "../lib/i18n.js";
import { applies } from "../lib/places.js";
import { frozen } from "../lib/plugins.js";
import { rightsIn } from "../lib/rights.js";
import { attempt, labelOf, placeButton } from "./plugin-place.js";

const QUICK_REACTIONS = ["👍", "❤️", "😄", "🎉"];
const TOUCHED = "(pointer: coarse)"; // where the rarer actions are in a menu, with their names
const BUTTON_PX = 36; // .actions > button
const WIDEST = 0.7; // of the list: a wider bar hides the message that it belongs to, and has the menu as well
const FEW = 4; // actions that need no menu

/**
 * Null if there is nothing to do with the message. In a room that `isClosed` one forwards it, chooses it, copies its link and takes back
 * what one wrote, moderators delete what others wrote, and there is what plugins say is for archived rooms. What the buttons do is named by
 * `data-do`, for the one listener of the list, and all that can be done by `data-can` of the bar. In a list of replies none leads to
 * the thread. `width` is that of the list, in pixels.
 */
export function messageActions({ message, me, mayPin, places, room, isClosed, width, isInThread = false }) {
  const own = message.author.id === me.id;
  const may = rightsIn(me, room);
  const reply = { label: t("message.reply"), icon: ICONS.reply, does: "reply" };
  if (message.state) return isClosed || !may.has("post") ? null : bar([button({ ...reply, testid: "reply-unsent" })], [reply]);
  const about = Object.freeze({ message: frozen(message) });
  const ofPlugins = places
    .in("message.actions/v1")
    .filter((item) => applies(item, { message, room, me }) && (!isClosed || item.when?.archived))
    .map((item) => ({ item, label: labelOf(item, about), about }));
  const forward = { label: t("message.forward"), icon: ICONS.forward, does: "forward", keys: "f" };
  const select = { label: t("message.select"), icon: ICONS.check, does: "select", keys: "x" };
  const link = { label: t("message.copyLink"), icon: ICONS.link, does: "link" };
  const remove = may.has(own ? "delete" : "moderate") && { label: t("message.delete"), icon: ICONS.trash, does: "delete", danger: true };
  const isNarrow = (buttons) => matchMedia(TOUCHED).matches || buttons.filter(Boolean).length * BUTTON_PX > width * WIDEST;
  if (isClosed) {
    const all = [...ofPlugins, forward, select, link, remove];
    return isNarrow(all) ? folded([], [], all) : unfolded([], all);
  }
  const more = hasEmoji(places) && { label: t("message.reactMore"), icon: ICONS.face, does: "choose" };
  const first = [
    may.has("post") && reply,
    may.has("post") && !isInThread && { label: t("thread.reply"), icon: ICONS.thread, does: "thread", testid: "thread-reply", keys: "t" },
  ];
  const rest = [
    forward,
    select,
    link,
    mayPin && { label: t(message.pinned ? "message.unpin" : "message.pin"), icon: ICONS.pin, does: "pin" },
    own && may.has("edit") && !places.isFixed(message) && { label: t("message.edit"), icon: ICONS.edit, does: "edit" },
    remove,
  ];
  const quick = QUICK_REACTIONS.map(quickReaction);
  const all = [more, ...ofPlugins, ...first, ...rest];
  if (isNarrow([...quick, ...all])) return folded(quick.slice(0, more ? 1 : 2), [more, ...first], [...ofPlugins, ...rest]);
  return unfolded(quick, all);
}

function bar(nodes, actions) {
  const can = actions.map(({ does }) => does ?? "").join(" ");
  return h("div", { class: "actions", role: "group", "aria-label": t("message.actions"), "data-can": can, "data-faults": true }, ...nodes);
}

/** With a button for each action. */
function unfolded(nodes, actions) {
  const all = actions.filter(Boolean);
  return bar([...nodes, ...all.map(button)], all);
}

/** With the rarer actions behind a button, unless they are few. */
function folded(nodes, first, rest) {
  const [shown, hidden] = [first, rest].map((actions) => actions.filter(Boolean));
  const all = [...shown, ...hidden];
  if (all.length <= FEW) return unfolded(nodes, all);
  const label = t("message.more");
  const opener = h("button", { type: "button", title: label, "aria-label": label, "data-testid": "message-more" }, icon(ICONS.more));
  const items = () => hidden.map((action) => menuItem(action, opener));
  return bar([...nodes, ...shown.map(button), h("menu-button", { "data-label": label, "data-floating": true, button: opener, items })], all);
}

function quickReaction(emoji) {
  const label = t("message.react", { emoji });
  return h("button", { type: "button", class: "emoji", title: label, "aria-label": label, "data-do": "react", "data-emoji": emoji }, emoji);
}

/** @param {any} action */
function button({ label, icon: path, does, testid = does, keys, item, about }) {
  if (item) return placeButton(item, () => about, { label });
  return h("button", { type: "button", title: label, "aria-label": label, "data-testid": testid, "data-do": does, "aria-keyshortcuts": keys }, icon(path));
}

/** @param {any} action */
function menuItem({ label, icon: path, does, testid = does, danger, item, about }, opener) {
  if (!item) return { label, icon: path, does, testid, danger };
  return { label, icon: item.icon, testid: `place-${item.key}`, run: () => void attempt(item, () => item.run(about), opener) };
}
