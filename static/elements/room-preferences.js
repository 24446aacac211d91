/**
 * What one may prefer of a room, and whether one blocks the other person of a direct room, as items of its menus: in the
 * side bar and in the room's head.
 */

import { ICONS } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { roomTitle } from "../lib/titles.js";
import { signsOf } from "../lib/unread.js";
import { blockItem } from "./block-item.js";
import { loaded } from "./loaded.js";
import { tellError } from "./toasts.js";

/** Items for `menu-button`; none for a room that the reader is not in. */
export function preferenceItems({ session, store }, room) {
  if (!room?.joined) return [];
  const { favourite, muted, watched, unread: isMarked } = room.prefers;
  const prefer = (fields) => void session.preferences.change(room.id, fields).catch(tellError);
  const isUnread = isMarked || signsOf(room).unread > 0;
  const read = () => {
    session.markRead(room.id);
    if (isMarked) prefer({ unread: false });
  };
  return [
    {
      label: t(favourite ? "room.unfavourite" : "room.favourite"),
      icon: ICONS.star,
      testid: "room-favourite",
      run: () => prefer({ favourite: !favourite }),
    },
    { label: t("room.section"), icon: ICONS.section, testid: "room-section", run: () => void askSection(store, room, prefer) },
    {
      label: t(muted ? "room.unmute" : "room.mute"),
      icon: muted ? ICONS.bell : ICONS.silent,
      testid: "room-mute",
      run: () => prefer({ muted: !muted }),
    },
    !muted && room.kind !== "direct" && {
      label: t(watched ? "room.unwatch" : "room.watch"),
      icon: ICONS.bell,
      testid: "room-watch",
      run: () => prefer({ watched: !watched }),
    },
    isUnread
      ? { label: t("room.markRead"), icon: ICONS.mark, testid: "room-mark-read", run: read }
      : { label: t("room.markUnread"), icon: ICONS.mark, testid: "room-mark-unread", run: () => prefer({ unread: true }) },
    room.other && blockItem({ session, store }, { id: room.other, name: roomTitle(room) }),
  ];
}

async function askSection(store, room, prefer) {
  (await loaded(import("./section-dialog.js")))?.askSection(store, room, (section) => prefer({ section }));
}
