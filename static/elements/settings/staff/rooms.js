/** All rooms of the server, for its staff: what there is, not what is said in it. */

import { h } from "../../../lib/dom.js";
import { t } from "../../../lib/i18n.js";
import { listing, searchForm } from "../listing.js";

export function roomsPage({ api, store }) {
  const find = searchForm({ label: t("admin.findRoom"), testid: "rooms-search", search: () => list.reload() });
  const list = listing({
    load: async (after) => {
      const { rooms, after: next } = await api.allRooms(find.text(), after);
      return { items: rooms, after: next };
    },
    row: (room) => row(room, store.room(room.id)),
    empty: t("search.none"),
    testid: "all-rooms",
  });
  void list.reload();
  return h("div", { class: "stack" }, h("p", { class: "muted" }, t("admin.roomsLead")), find.form, list.node);
}

/** `mine` is the room as the reader has it, if it is one of theirs or public. */
function row({ id, name, kind, topic, head }, mine) {
  const shown = name || (kind === "direct" ? t("room.direct") : t("admin.unnamed"));
  const about = [kind && t(`room.${kind}`), t("admin.events", { count: head.toLocaleString() }), topic].filter(Boolean).join(" · ");
  const open = mine && h("a", { class: "row-link", href: `#${new URLSearchParams({ room: id })}`, "aria-label": `${t("admin.openRoom")}: ${shown}`, "data-testid": "room-open" }, t("admin.openRoom"));
  return h("li", { "data-testid": "all-room", "data-room": id }, h("span", { class: "row-main" }, h("strong", { dir: "auto" }, shown), h("small", { class: "muted row-more", dir: "auto" }, about)), open);
}
