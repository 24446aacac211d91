/** The bar of what one can do with a message. There is one at a time, in the row that somebody points at or is in. */

import { h, icon, ICONS } from "../lib/dom.js";
import { hasEmoji } from "../lib/emoji.js";
import { t } from "../lib/i18n.js";
import { applies } from "../lib/places.js";
import { frozen } from "../lib/plugins.js";
import { rightsIn } from "../lib/rights.js";
import { labelOf, placeButton } from "./plugin-place.js";

const QUICK_REACTIONS = ["👍", "❤️", "😄", "🎉"];

/**
 * Null if there is nothing to do with the message. In a room that `isClosed` one forwards it, copies its link and takes back what one
 * wrote, moderators delete what others wrote, and there is what plugins say is for archived rooms. What the buttons do is named by
 * `data-do`, for the one listener of the list. In a list of replies none leads to the thread.
 */
export function messageActions({ message, me, mayPin, places, room, isClosed, isInThread = false }) {
  const own = message.author.id === me.id;
  const may = rightsIn(me, room);
  const button = (label, path, what, testid = what, more = {}) =>
    h("button", { type: "button", title: label, "aria-label": label, "data-testid": testid, "data-do": what, ...more }, icon(path));
  const bar = { class: "actions", role: "group", "aria-label": t("message.actions"), "data-faults": true };
  if (message.state) return isClosed || !may.has("post") ? null : h("div", bar, button(t("message.reply"), ICONS.reply, "reply", "reply-unsent"));
  const about = Object.freeze({ message: frozen(message) });
  const ofPlugins = places
    .in("message.actions/v1")
    .filter((item) => applies(item, { message, room, me }) && (!isClosed || item.when?.archived))
    .map((item) => placeButton(item, () => about, { label: labelOf(item, about) }));
  const remove = may.has(own ? "delete" : "moderate") && button(t("message.delete"), ICONS.trash, "delete");
  const link = button(t("message.copyLink"), ICONS.link, "link");
  const forward = button(t("message.forward"), ICONS.forward, "forward", "forward", { "aria-keyshortcuts": "f" });
  if (isClosed) return h("div", bar, ...ofPlugins, forward, link, remove);
  return h(
    "div",
    bar,
    ...QUICK_REACTIONS.map((emoji) => {
      const label = t("message.react", { emoji });
      return h("button", { type: "button", class: "emoji", title: label, "aria-label": label, "data-do": "react", "data-emoji": emoji }, emoji);
    }),
    hasEmoji(places) && button(t("message.reactMore"), ICONS.face, "choose"),
    ...ofPlugins,
    may.has("post") && button(t("message.reply"), ICONS.reply, "reply"),
    may.has("post") && !isInThread && button(t("thread.reply"), ICONS.thread, "thread", "thread-reply", { "aria-keyshortcuts": "t" }),
    forward,
    link,
    mayPin && button(t(message.pinned ? "message.unpin" : "message.pin"), ICONS.pin, "pin"),
    own && may.has("edit") && button(t("message.edit"), ICONS.edit, "edit"),
    remove,
  );
}
