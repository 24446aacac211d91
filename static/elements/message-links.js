/** Links to messages: copying one, and finding where one leads. Loaded with the first that is used. */

import { PASSING } from "../lib/api.js";
import { h } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { seqOf } from "../lib/ids.js";
import { linkTo } from "../lib/links.js";
import { show } from "./dialogs.js";
import "./later-texts.js";
import { copyField } from "./settings/copy-field.js";
import { tell, tellDone } from "./toasts.js";

/** Where the browser has no clipboard, as over plain HTTP, the link is shown to be copied by hand. */
export async function copyLink(id) {
  const link = linkTo(id, location.origin);
  try {
    await navigator.clipboard.writeText(link);
    tellDone(t("link.copied"), "link.copied");
  } catch {
    showLink(link);
  }
}

function showLink(link) {
  const title = t("message.copyLink");
  const close = h("button", { class: "primary", "data-testid": "link-close" }, t("close"));
  const field = copyField({ value: link, label: title, testid: "link" });
  show(h("dialog", { class: "dialog", "aria-label": title, "data-testid": "link-dialog" }, h("form", { method: "dialog", class: "stack" }, h("h2", {}, title), field, h("div", { class: "dialog-buttons" }, close))));
  field.querySelector("input").focus();
}

/**
 * The place of a message, `{room, seq}`, in a room that the store has from then on; null if there is no such message for
 * the reader, who is told. What is kept is shown without the server's word. Rejects if nothing could be learnt.
 */
export async function placeOf(id, { api, session, store }) {
  const place = { room: id.slice(0, id.lastIndexOf("-")), seq: seqOf(id) };
  const here = store.room(place.room)?.messages.some((message) => message.id === id && !message.deleted);
  if (here) return place;
  try {
    await api.message(id);
  } catch (error) {
    if (error.status !== 404) {
      if (store.room(place.room) && PASSING.has(error.status)) return place; // loaded once that is possible
      throw error;
    }
    tell(t("link.gone"), "link.gone");
    return null;
  }
  if (!store.room(place.room)) await visited(place.room, session, store);
  return place;
}

/** Rooms that are not listed, such as archived ones, can be read, too. */
async function visited(room, session, store) {
  if (!session.isReady) await new Promise((resolve) => session.addEventListener("ready", resolve, { once: true }));
  if (!store.room(room)) await session.visit(room);
}
