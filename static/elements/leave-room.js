/** Leaving a room, which always keeps an owner: its only one hands it over first. Loaded when somebody wants to leave. */

import { enable, h } from "../lib/dom.js";
import { errorText, t } from "../lib/i18n.js";
import { roomTitle } from "../lib/titles.js";
import { ask, show } from "./dialogs.js";
import "./later-texts.js";

/** Resolves with whether the user has left the room. Rejects with the server's refusal. */
export async function leaveRoom({ session, store, room: id }) {
  const room = store.room(id);
  const name = roomTitle(room);
  const heirs = room.role === "owner" ? await heirsOf(session, store.me.id, id) : null;
  if (heirs?.length) return handOver(session, id, name, heirs);
  if (!(await ask(t(heirs ? "room.leaveAlone" : "room.leaveConfirm", { name }), t("room.leave")))) return false;
  await session.leave(id);
  return true;
}

/** Members who can own the room next; null if somebody else owns it already. */
async function heirsOf(session, me, room) {
  const others = (await session.members(room)).filter(({ id }) => id !== me);
  return others.some(({ role }) => role === "owner") ? null : others.filter(({ bot }) => !bot);
}

function handOver(session, room, name, heirs) {
  const error = h("p", { class: "form-error", role: "alert", "data-testid": "hand-over-error" });
  const options = heirs.map(({ id, name: shown, username }) => h("option", { value: id }, `${shown} (@${username})`));
  const select = h("select", { "data-testid": "heir" }, ...options);
  const submit = h("button", { class: "danger", "data-testid": "hand-over" }, t("room.handOver"));
  let hasLeft = false;

  async function onsubmit(event) {
    event.preventDefault();
    submit.disabled = true;
    try {
      await session.appoint(room, select.value, "owner");
      await session.leave(room);
      hasLeft = true;
      dialog.close();
    } catch (refusal) {
      error.textContent = errorText(refusal);
      enable(submit);
    }
  }

  const dialog = h(
    "dialog",
    { class: "dialog", "aria-label": t("room.leave"), "data-testid": "hand-over-dialog" },
    h(
      "form",
      { class: "stack", onsubmit: (event) => void onsubmit(event) },
      h("p", { class: "dialog-question" }, t("room.onlyOwner", { name })),
      h("label", { class: "field" }, h("span", {}, t("room.nextOwner")), select),
      error,
      h("div", { class: "dialog-buttons" }, h("button", { class: "quiet", type: "button", onclick: () => dialog.close() }, t("cancel")), submit),
    ),
  );
  show(dialog);
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(hasLeft)));
}
