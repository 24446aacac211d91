/** All rooms of the server, for its staff: what there is, not what is said in it. */

import { enable, h } from "../../../lib/dom.js";
import { errorText, locale, t } from "../../../lib/i18n.js";
import { roomRights } from "../../../lib/rights.js";
import { askDeletion } from "../../delete-room-dialog.js";
import { ask } from "../../dialogs.js";
import { listing, searchForm } from "../listing.js";
import "../room-texts.js";

export function roomsPage({ api, store }) {
  const find = searchForm({ label: t("admin.findRoom"), testid: "rooms-search", search: () => list.reload() });
  const list = listing({
    load: async (after) => {
      const { rooms, after: next } = await api.allRooms(find.text(), after);
      return { items: rooms, after: next };
    },
    row: (room) => row(room, store.room(room.id), { api, me: store.me }),
    empty: t("search.none"),
    testid: "all-rooms",
  });
  void list.reload();
  return h("div", { class: "stack" }, h("p", { class: "muted" }, t("admin.roomsLead")), find.form, list.node);
}

/** `mine` is the room as the reader has it, if it is one of theirs or public. */
function row(room, mine, { api, me }) {
  const { id, name, kind, topic, head, archived } = room;
  const shown = name || (kind === "direct" ? t("room.direct") : t("admin.unnamed"));
  const about = [kind && t(`room.${kind}`), archived && t("room.archived"), t("admin.events", { count: head, number: head.toLocaleString(locale()) }), topic].filter(Boolean).join(" · ");
  const open = mine && h("a", { class: "row-link", href: `#${new URLSearchParams({ room: id })}`, "aria-label": `${t("admin.openRoom")}: ${shown}`, "data-testid": "room-open" }, t("admin.openRoom"));
  const fault = h("small", { class: "form-error", role: "alert" });
  const onclick = async ({ currentTarget: button }) => {
    fault.textContent = "";
    if (!archived && !(await ask(t("room.archiveConfirm", { name: shown }), t("room.archive")))) return;
    button.disabled = true;
    try {
      await api.archiveRoom(id, !archived);
      const now = row({ ...room, head: head + 1, archived: !archived }, mine, { api, me });
      node.replaceWith(now);
      now.querySelector('[data-testid="all-room-archive"]')?.focus();
    } catch (refusal) {
      fault.textContent = errorText(refusal);
      enable(button);
    }
  };
  const remove = async () => {
    await api.deleteRoom(id);
    node.remove();
  };
  const held = roomRights(me.role, kind, mine?.role ?? null, archived);
  const may = held.has("archive");
  const label = t(archived ? "room.restore" : "room.archive");
  const archive = may && h("button", { class: "quiet", type: "button", "aria-label": `${label}: ${shown}`, "data-testid": "all-room-archive", onclick: (event) => void onclick(event) }, label);
  const deletion = held.has("delete_room") && h("button", { class: "quiet danger-item", type: "button", "aria-label": `${t("room.delete")}: ${shown}`, "data-testid": "all-room-delete", onclick: () => askDeletion(shown, remove) }, t("room.delete"));
  const node = h(
    "li",
    { "data-testid": "all-room", "data-room": id },
    h("span", { class: "row-main" }, h("strong", { dir: "auto" }, shown), h("small", { class: "muted row-more", dir: "auto" }, about), fault),
    open,
    archive,
    deletion,
  );
  return node;
}
