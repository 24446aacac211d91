/** The directory: public rooms to join, by a part of their name or topic, page by page. */

import { enable, h, icon, ICONS } from "../lib/dom.js";
import { errorText, t } from "../lib/i18n.js";
import { roomTitle } from "../lib/titles.js";
import { roomSign } from "./avatar.js";
import { show } from "./dialogs.js";
import { PagedList } from "./paged-list.js";
import { pluginParts } from "./settings/plugin-parts.js";
import "./later-texts.js";

/** `open(id)` is called with the room that the person joined; `text` is looked for at first. Plugins add what `places` has. */
export function showDirectory({ session, places, open, text = "" }) {
  const error = h("p", { class: "form-error", role: "alert" });
  const close = h(
    "button",
    { class: "round", type: "button", title: t("close"), "aria-label": t("close"), onclick: () => dialog.close() },
    icon(ICONS.close),
  );
  const rooms = new PagedList({
    load: (wanted, after) => session.findRooms(wanted, after),
    row,
    label: t("directory.find"),
    none: t("directory.none"),
    testid: "directory-rooms",
  });
  const dialog = h(
    "dialog",
    { class: "dialog", "aria-labelledby": "directory-title", "data-testid": "directory-dialog" },
    h("div", { class: "stack" }, h("div", { class: "dialog-head" }, h("h2", { id: "directory-title" }, t("directory")), close), error, rooms.node, pluginParts(places, "directory.parts/v1", {})),
  );

  function row(room) {
    const join = async ({ currentTarget: button }) => {
      button.disabled = true;
      error.textContent = "";
      try {
        await session.join(room.id);
        dialog.close();
        open(room.id);
      } catch (refusal) {
        error.textContent = errorText(refusal);
        enable(button);
      }
    };
    const name = roomTitle(room);
    return h(
      "li",
      { class: "directory-row", "data-testid": "directory-room" },
      roomSign(room.id, icon(ICONS.hash)),
      h("span", { class: "person-name" }, h("span", { dir: "auto" }, name), room.topic && h("small", { class: "muted", dir: "auto" }, room.topic)),
      h("button", { type: "button", "aria-label": t("directory.joinName", { name }), "data-testid": "directory-join", onclick: (event) => void join(event) }, t("directory.join")),
    );
  }

  show(dialog);
  rooms.field.value = text;
  rooms.field.focus();
  void rooms.show();
}
