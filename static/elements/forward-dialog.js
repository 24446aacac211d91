/**
 * Forwards messages: to one room or person, with a comment before the first. What is sent are messages of the reader like any
 * other, which wait in the outbox without a network. They are shown as they will be; files of an original are behind its link alone.
 */

import { enable, h, icon, ICONS } from "../lib/dom.js";
import { changeBy } from "../lib/changes.js";
import { forwarded, MOST_COMMENT_CHARS } from "../lib/forwarding.js";
import { errorText, t } from "../lib/i18n.js";
import { formatterOf, formatting } from "../lib/late-formatting.js";
import { linkTo } from "../lib/links.js";
import { MOST } from "../lib/outbox.js";
import { namesMany } from "../lib/mentions.js";
import { roomTitle } from "../lib/titles.js";
import { ask, show } from "./dialogs.js";
import "./forwarding-sheet.js";
import "./later-texts.js";
import { withPictures } from "./message-row.js";
import { RecipientChoice } from "./recipient-choice.js";
import { tellDone } from "./toasts.js";
import { mayTellMany } from "./wide-mention.js";

const CHANGES_RIGHTS = new Set(["room.changed", "member.changed"]);

/**
 * `messages` stand in one room, in this order; if one is changed or deleted meanwhile, that counts. `onSent()` is called once
 * they are on their way. Returns the dialog.
 */
export function showForward({ session, store, places }, messages, onSent = () => {}) {
  const { room: source } = messages[0];
  const title = messages.length > 1 ? t("forward.titleMany", { count: messages.length }) : t("forward.title");
  let originals = messages; // without those that were deleted
  let known = new WeakMap(); // what will be sent for all but the first
  const error = h("p", { class: "form-error", role: "alert", "data-testid": "forward-error" });
  const submit = h("button", { class: "primary", disabled: true, "data-testid": "forward-send" }, t("forward.send"));
  const comment = h("textarea", { rows: "2", dir: "auto", maxlength: String(MOST_COMMENT_CHARS), "data-testid": "forward-comment", oninput: () => draw() });
  const preview = h("section", { class: "forward-preview", tabindex: "0", "aria-label": t("forward.preview"), "data-testid": "forward-preview" });
  const notes = h("div", { class: "muted", role: "status", "data-testid": "forward-notes" });
  const choice = new RecipientChoice({ store, places, onChange: () => draw(), onEnter: () => comment.focus() });
  const close = h("button", { class: "round", type: "button", title: t("close"), "aria-label": t("close"), onclick: () => dialog.close() }, icon(ICONS.close));
  const form = h(
    "form",
    { class: "stack", onsubmit: (event) => void onSubmit(event) },
    h("div", { class: "dialog-head" }, h("h2", { id: "forward-title" }, title), close),
    choice.node,
    h("label", { class: "field" }, h("span", {}, t("forward.comment")), comment),
    preview,
    notes,
    error,
    h("div", { class: "dialog-buttons" }, h("button", { class: "quiet", type: "button", onclick: () => dialog.close() }, t("cancel")), submit),
  );
  const dialog = h("dialog", { class: "dialog", "aria-labelledby": "forward-title", "data-testid": "forward-dialog" }, form);

  /** What will be sent for an original: `{body, isCut}`, and the node that shows it. */
  function made(original, said) {
    const { body, isCut } = forwarded(original, said, linkTo(original.id, location.origin));
    return { body, isCut, node: h("div", {}, shown(body)) };
  }

  /** What will be sent. While somebody types a comment, the first alone changes. */
  function parts() {
    const [first, ...others] = originals;
    for (const original of others) if (!known.has(original)) known.set(original, made(original, ""));
    return first ? [made(first, comment.value), ...others.map((original) => known.get(original))] : [];
  }

  function draw() {
    const all = parts();
    submit.disabled = all.length === 0 || !choice.chosen;
    error.textContent = all.length ? "" : t("message.deleted");
    preview.replaceChildren(...all.map(({ node }) => node));
    const isCut = all.some((each) => each.isCut);
    const said = [isCut && t("forward.cut"), originals.some((original) => hasMore(original, places)) && t("forward.files")].filter(Boolean).join(" ");
    if (notes.textContent !== said) notes.textContent = said;
  }

  /** A text with its marks, once what draws them is here. */
  function shown(body) {
    return formatterOf(body)?.formatted(body, (text) => withPictures(text, places)) ?? body;
  }

  /**
   * Whether the reader, if they have to be asked, wants to go on.
   * @param {{room?: any}} chosen
   * @param {string} body
   */
  async function isSure({ room }, body) {
    const from = store.room(source);
    if (room?.kind === "public" && from?.kind !== "public" && !(await ask(t("forward.public", { name: roomTitle(room) }), t("forward.send")))) return false;
    return !room || !namesMany(body) || mayTellMany(session, room.id);
  }

  async function onSubmit(event) {
    event.preventDefault();
    if (submit.disabled) return;
    const { chosen } = choice;
    submit.disabled = true;
    error.textContent = "";
    try {
      if (!(await isSure(chosen, comment.value))) return;
      const room = await choice.open(session);
      if (originals.length === 0 || choice.chosen !== chosen) return;
      if (session.outbox.unsent + originals.length > MOST) error.textContent = t("composer.full");
      else send(room, chosen.title);
    } catch (refusal) {
      error.textContent = errorText(refusal);
    } finally {
      if (originals.length && choice.chosen) enable(submit);
    }
  }

  function send(room, name) {
    for (const { body } of parts()) session.forward(room, body);
    dialog.close();
    onSent();
    tellDone(t("forward.done", { name }), "forward.done");
  }

  function onEvent(event) {
    if (CHANGES_RIGHTS.has(event.ev)) choice.draw();
    if (event.room !== source || !originals.some(({ id }) => id === event.message)) return;
    originals = originals.map((original) => (original.id === event.message ? (changeBy(event)?.(original) ?? original) : original)).filter(({ deleted }) => !deleted);
    draw();
  }

  function onFormatting() {
    known = new WeakMap();
    draw();
  }

  const ended = new AbortController();
  store.addEventListener("change", ({ detail }) => detail.room === null && choice.draw(), ended);
  store.addEventListener("blocked", () => choice.draw(), ended);
  store.addEventListener("logged", ({ detail }) => onEvent(detail.event), ended);
  formatting.addEventListener("loaded", onFormatting, ended);
  dialog.addEventListener("close", () => ended.abort());
  draw();
  show(dialog);
  choice.field.focus();
  return dialog;
}

/** Whether plugins show something with a message, such as its files. */
function hasMore({ data = {} }, places) {
  return Object.hasOwn(data, "parts") || places.in("message.data/v1").some(({ id }) => Object.hasOwn(data, id));
}
