/** A person in a dialog: name, status and what plugins say of them, and what one can do: talk in private, block. */

import { enable, h, icon, ICONS } from "../lib/dom.js";
import { errorText, t } from "../lib/i18n.js";
import { frozen } from "../lib/plugins.js";
import { avatar } from "./avatar.js";
import { blockItem } from "./block-item.js";
import { botMark } from "./bot-mark.js";
import { show } from "./dialogs.js";
import { PlacedParts } from "./placed-parts.js";
import { statusLabel, statusMark } from "./status-mark.js";
import "./later-texts.js";

/** `open(room)` is called with the id of the private talk that was chosen. Returns the dialog. */
export function showPerson({ session, store, places, open }, { id, name, bot = false }) {
  const isMe = id === store.me.id;
  const error = h("p", { class: "form-error", role: "alert" });
  const status = h("p", { class: "person-says", dir: "auto", "data-testid": "person-says" });
  const parts = h("div", { class: "stack" });
  const buttons = h("div", { class: "dialog-buttons" });
  const close = h(
    "button",
    { class: "round", type: "button", title: t("close"), "aria-label": t("close"), onclick: () => dialog.close() },
    icon(ICONS.close),
  );
  const head = h("div", { class: "dialog-head" }, h("div", { class: "person-head" }, avatar({ id, name }), h("h2", { id: "person-title", dir: "auto" }, name), botMark({ bot })), close);
  const dialog = h(
    "dialog",
    { class: "dialog", "aria-labelledby": "person-title", "data-testid": "person-card" },
    h("div", { class: "stack" }, head, status, parts, error, buttons),
  );

  const refused = (refusal) => {
    error.textContent = errorText(refusal);
  };

  async function talk({ currentTarget: button }) {
    button.disabled = true;
    error.textContent = "";
    try {
      const room = await session.direct(id);
      dialog.close();
      open(room);
    } catch (refusal) {
      refused(refusal);
      enable(button);
    }
  }

  function drawButtons() {
    const had = buttons.contains(document.activeElement);
    if (isMe) {
      const edit = () => {
        dialog.close();
        location.hash = "#settings=profile";
      };
      buttons.replaceChildren(h("button", { class: "primary", type: "button", onclick: edit, "data-testid": "person-edit" }, t("people.edit")));
      return;
    }
    const block = blockItem({ session, store }, { id, name }, refused);
    buttons.replaceChildren(
      h("button", { class: "quiet", type: "button", onclick: block.run, "data-testid": `person-${block.testid}` }, block.label),
      h("button", { class: "primary", type: "button", onclick: talk, "data-testid": "person-talk" }, t("people.talk")),
    );
    if (had) buttons.firstElementChild.focus();
  }

  function drawStatus() {
    const said = session.statuses.of(id);
    status.hidden = !said;
    status.replaceChildren(...(said ? [statusMark(said), " ", said.text ? statusLabel(said) : ""] : []));
  }

  const placed = new PlacedParts(parts, { user: frozen({ id, name, bot }) }, { headings: false });
  const drawParts = () => placed.show(places.in("person.parts/v1"));

  const end = new AbortController();
  session.statuses.addEventListener("change", ({ detail }) => detail.users.has(id) && drawStatus(), end);
  store.addEventListener("blocked", drawButtons, end);
  places.addEventListener("change", ({ detail }) => detail.place === "person.parts/v1" && drawParts(), end);
  dialog.addEventListener("close", () => end.abort());
  drawStatus();
  drawParts();
  drawButtons();
  show(dialog);
  return dialog;
}
