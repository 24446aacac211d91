/** Asks in which section of the side bar a room is to stand: none, one of those there are, or a new one. */

import { h } from "../lib/dom.js";
import { currentLanguage, t } from "../lib/i18n.js";
import { SECTION_CHARS } from "../lib/preferences.js";
import { sectionsOf } from "../lib/sections.js";
import { roomTitle } from "../lib/titles.js";
import { show } from "./dialogs.js";
import "./later-texts.js";

const NEW = "new";

/** `choose(section)` is called with a name, "" for none, after the focus has gone back. */
export function askSection(store, room, choose) {
  const names = sectionsOf(store.joined(), new Intl.Collator(currentLanguage(), { numeric: true }).compare);
  const { section } = room.prefers;
  const why = room.archived ? "section.archived" : room.prefers.favourite && "section.favourite"; // it is not seen to move
  const field = h("input", {
    maxlength: String(SECTION_CHARS),
    dir: "auto",
    autocomplete: "off",
    "aria-label": t("section.name"),
    placeholder: t("section.name"),
    "data-testid": "section-name",
    onfocus: () => {
      fresh.querySelector("input").checked = true;
    },
  });
  const fresh = choice(NEW, t("section.new"), false, "section-new");
  const options = names.map((name, at) => choice(String(at), name, name === section, "section-choice"));
  const error = h("p", { class: "form-error", role: "alert" });
  const form = h(
    "form",
    { class: "stack", onsubmit },
    h("h2", { id: "section-title" }, t("room.section")),
    h("p", { class: "muted", dir: "auto" }, roomTitle(room)),
    why && h("p", { "data-testid": "section-why" }, t(why)),
    h(
      "fieldset",
      { class: "choices sections" },
      h("legend", { class: "visually-hidden" }, t("section.which")),
      choice("", t("section.none"), section === "", "section-none"),
      ...options,
      fresh,
    ),
    field,
    error,
    h(
      "div",
      { class: "dialog-buttons" },
      h("button", { class: "quiet", type: "button", onclick: () => dialog.close() }, t("cancel")),
      h("button", { class: "primary", "data-testid": "section-save" }, t("section.save")),
    ),
  );
  const dialog = h("dialog", { class: "dialog", "aria-labelledby": "section-title", "data-testid": "section-dialog" }, form);

  function onsubmit(event) {
    event.preventDefault();
    const chosen = String(new FormData(form).get("section"));
    const name = field.value.trim();
    if (chosen === NEW && !name) {
      error.textContent = t("section.nameless");
      field.focus();
      return;
    }
    dialog.close();
    choose(chosen === NEW ? name : chosen && names[Number(chosen)]);
  }

  show(dialog);
  form.querySelector(":checked")?.focus();
}

function choice(value, text, checked, testid) {
  return h(
    "label",
    { class: "choice" },
    h("input", { type: "radio", name: "section", value, checked, "data-testid": testid }),
    h("span", { dir: "auto" }, text),
  );
}
