/** The people of the server, by a part of their name, page by page, as far as a plugin finds them. */

import { h, icon, ICONS } from "../lib/dom.js";
import { findPeople } from "../lib/found-people.js";
import { t } from "../lib/i18n.js";
import { show } from "./dialogs.js";
import "./later-texts.js";
import { PagedList } from "./paged-list.js";
import { showPerson } from "./person-card.js";
import { drawPerson, followPeople, personParts } from "./person-row.js";

/** `open(room)` is called with the id of the private talk that was chosen; `text` is looked for at first. */
export function showEverybody({ session, store, places, open, text = "" }) {
  const close = h(
    "button",
    { class: "round", type: "button", title: t("close"), "aria-label": t("close"), onclick: () => dialog.close() },
    icon(ICONS.close),
  );
  const people = new PagedList({
    load: (wanted, after) => findPeople(places, wanted, after),
    row,
    label: t("everybody.find"),
    none: t("everybody.none"),
    testid: "everybody",
  });
  const dialog = h(
    "dialog",
    { class: "dialog", "aria-labelledby": "everybody-title", "data-testid": "everybody-dialog" },
    h("div", { class: "stack" }, h("div", { class: "dialog-head" }, h("h2", { id: "everybody-title" }, t("everybody")), close), people.node),
  );

  function row(user) {
    const toRoom = (room) => {
      dialog.close();
      open(room);
    };
    const card = () => {
      showPerson({ session, store, places, open: toRoom }, user);
    };
    const own = user.id === store.me.id && h("span", { class: "muted" }, t("people.you"));
    const button = h("button", { class: "person-open", type: "button", "aria-haspopup": "dialog", "data-testid": "everybody-person", onclick: card }, ...personParts(user), own);
    const item = h("li", { class: "person", "data-user": user.id }, button);
    drawPerson(item, { session, store });
    return item;
  }

  followPeople(dialog, people.node, { session, store });
  show(dialog);
  people.field.value = text;
  people.field.focus();
  void people.show();
}
