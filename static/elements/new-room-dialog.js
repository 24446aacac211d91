/** Asks for the name and the kind of a new room. */

import { enable, h } from "../lib/dom.js";
import { errorText, t } from "../lib/i18n.js";
import { show } from "./dialogs.js";
import "./later-texts.js";
import { suggestPeople } from "./people-suggestions.js";

const NAME_CHARS = 80;
const NAMES_CHARS = 320; // of nine people

/**
 * `create({name, kind})` makes the room (`name` has the others' user names for kind direct, of people whom a plugin finds in
 * its `places`); a refusal is shown and the dialog stays.
 */
export function askNewRoom(create, places) {
  const error = h("p", { class: "form-error", role: "alert" });
  const submit = h("button", { class: "primary", "data-testid": "create-room" }, t("room.createDo"));
  const label = h("span", {}, t("room.name"));
  const name = h("input", { name: "name", required: true, maxlength: NAME_CHARS, dir: "auto", autocomplete: "off", autocapitalize: "none", "data-testid": "room-name" });
  const onchange = ({ target }) => {
    if (target.name !== "kind") return;
    const isDirect = target.value === "direct";
    label.textContent = t(isDirect ? "room.directNames" : "room.name");
    name.maxLength = isDirect ? NAMES_CHARS : NAME_CHARS;
    name.placeholder = isDirect ? t("room.directExample") : "";
  };
  const form = h(
    "form",
    { class: "stack", onchange, onsubmit: (event) => void onSubmit(event) },
    h("h2", { id: "new-room-title" }, t("room.create")),
    h("p", { class: "muted" }, t("room.createLead")),
    h("label", { class: "field" }, label, name),
    h("fieldset", { class: "choices" }, h("legend", {}, t("room.kind")), choice("public", true), choice("private"), choice("direct")),
    error,
    h(
      "div",
      { class: "dialog-buttons" },
      h("button", { class: "quiet", type: "button", onclick: () => dialog.close() }, t("cancel")),
      submit,
    ),
  );
  const dialog = h("dialog", { class: "dialog", "aria-labelledby": "new-room-title", "data-testid": "new-room-dialog" }, form);

  suggestPeople(name, places, { isWanted: () => new FormData(form).get("kind") === "direct", several: true });

  async function onSubmit(event) {
    event.preventDefault();
    submit.disabled = true;
    const { name, kind } = Object.fromEntries(new FormData(form));
    try {
      await create({ name: String(name).trim(), kind });
      dialog.close();
    } catch (refusal) {
      error.textContent = errorText(refusal);
      enable(submit);
    }
  }

  show(dialog);
}

function choice(kind, checked = false) {
  return h(
    "label",
    { class: "choice" },
    h("input", { type: "radio", name: "kind", value: kind, checked, "data-testid": `kind-${kind}` }),
    h("span", { class: "choice-text" }, h("strong", {}, t(`room.${kind}`)), h("small", {}, t(`room.${kind}Hint`))),
  );
}
