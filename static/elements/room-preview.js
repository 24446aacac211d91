/**
 * Messages of a room that one may read without being in it: the newest, or those around one that a link leads to. They
 * stand still: who wants more joins.
 */

import { h } from "../lib/dom.js";
import { formatDay, t } from "../lib/i18n.js";
import { messagesOf } from "../lib/shapes.js";
import { Timeline } from "../lib/timeline.js";
import { isInRoom, nearest } from "../lib/window.js";
import { messageRow } from "./message-row.js";
import "./later-texts.js";

/**
 * Resolves with the element, and the row of the message with the seq `around` or the nearest one; with null if nothing has
 * been written. Rejects with the server's refusal.
 */
export async function roomPreview({ session, store, places, room, around = null }) {
  const messages = messagesOf(await session.preview(room, around)).filter(isInRoom);
  if (messages.length === 0) return null;
  const shown = { messages, newFrom: null, moreBefore: true, moreAfter: false, refused: null };
  const entries = new Timeline().entries(shown, [], store.me, { blocked: store.blocked, unfolded: new Set() });
  const rows = entries.map((entry) => (entry.kind === "day" ? h("div", { class: "day" }, h("span", {}, formatDay(entry.at))) : messageRow(entry, { me: store.me, session, places, rooms: store.rooms, isClosed: store.isClosed(room) })));
  const list = h("div", { class: "scroller preview", role: "region", tabindex: "0", "aria-label": t(around === null ? "room.preview" : "room.previewAround"), "data-testid": "room-preview" }, h("div", { class: "messages" }, ...rows));
  for (const button of list.querySelectorAll("button[data-do]")) button.disabled = true;
  const place = around === null ? -1 : entries.findIndex(({ message }) => message === nearest(shown, around));
  return { list, row: rows[place] ?? null };
}
