/** One message as a list item: head, quote, text, reactions, state, and what one can do with it. */

import { h, icon, ICONS } from "../lib/dom.js";
import { errorText, formatFull, formatTime, t } from "../lib/i18n.js";
import { segments } from "../lib/linkify.js";
import { applies } from "../lib/places.js";
import { frozen } from "../lib/plugins.js";
import { reactedBy } from "../lib/rooms-store.js";
import { avatar } from "./avatar.js";
import { botMark } from "./bot-mark.js";
import { ask } from "./dialogs.js";
import { messageParts } from "./message-parts.js";
import { placeButton } from "./plugin-place.js";
import { tellError } from "./toasts.js";

const QUICK_REACTIONS = ["👍", "❤️", "😄", "🎉"];

/** `tell("reply" | "edit" | "rewrite")` passes on what the composer does. */
export function messageRow({ message, grouped, quoted, me, mayPin, session, places, room, tell }) {
  const { author, state } = message;
  const own = author.id === me.id;
  const name = author.name || me.username;
  const shown = data(message, places);
  return h(
    "li",
    {
      class: ["message", grouped && "grouped", own && "own", state].filter(Boolean).join(" "),
      tabindex: "-1",
      "data-testid": "message",
      "data-state": state ?? "posted",
      "data-id": message.id,
      "data-kept": message.kept,
    },
    grouped ? h("span", { class: "avatar-space" }, time(message)) : avatar({ id: author.id, name }),
    h(
      "div",
      { class: "message-main" },
      !grouped && h("div", { class: "message-head" }, h("strong", { dir: "auto" }, name), botMark(author), time(message)),
      grouped && h("span", { class: "visually-hidden" }, name),
      (message.reply_to || message.reply_to_unsent) && quote(quoted ?? (message.quoted && { ...message.quoted, author: me })),
      body(message, shown.length > 0 && message.body === message.data_text),
      !message.deleted && messageParts(message, session),
      ...shown,
      reactions(message, me, session),
      stateLine(message, { session, tell }),
    ),
    !state && !message.deleted && actions(message, { me, own, mayPin, session, places, room, tell }),
  );
}

function time({ at }) {
  const date = new Date(at);
  return h("time", { datetime: at, title: formatFull(date) }, formatTime(date));
}

function quote(message) {
  if (!message) return h("p", { class: "quote" }, t("message.replyGone"));
  const text = message.deleted ? t("message.deleted") : message.body;
  return h("p", { class: "quote" }, h("strong", { dir: "auto" }, message.author.name), h("span", { dir: "auto" }, text));
}

/** `repeats`: the text says no more than what plugins show below it, as the names of attached files do. */
function body(message, repeats) {
  if (message.deleted) return h("p", { class: "message-body deleted" }, t("message.deleted"));
  const parts = repeats ? [] : segments(message.body).map(({ text, href }) =>
    href ? h("a", { href, target: "_blank", rel: "noopener noreferrer nofollow" }, text) : text,
  );
  const edited = message.edited_at && h("small", { class: "edited" }, t("message.edited"));
  const pinned = message.pinned && h("small", { class: "edited", "data-testid": "pinned" }, t("message.pinned"));
  if (repeats && !edited && !pinned) return null;
  return h("p", { class: "message-body", dir: "auto", "data-testid": "message-body" }, ...parts, edited, pinned);
}

function reactions(message, me, session) {
  const given = Object.entries(message.reactions ?? {});
  if (given.length === 0) return null;
  const chips = given.map(([emoji, users]) => {
    const mine = users.includes(me.id);
    return h(
      "button",
      {
        class: "chip",
        type: "button",
        "aria-pressed": String(mine),
        "aria-label": t("message.reactions", { emoji, count: users.length }),
        "data-testid": "reaction",
        onclick: () => toggle(session, message, emoji, !mine),
      },
      `${emoji} ${users.length}`,
    );
  });
  return h("div", { class: "chips" }, ...chips);
}

function toggle(session, message, emoji, on) {
  session.react(message.room, message.id, emoji, on).catch(tellError);
}

function stateLine({ state, error, client_id, isHeld }, { session, tell }) {
  if (state === "pending") {
    const why = isHeld ? t("message.held") : error ? t("message.later", { reason: errorText(error) }) : t("message.pending");
    const reply = h("button", { class: "link", type: "button", "data-testid": "reply-unsent", onclick: () => tell("reply") }, t("message.reply"));
    return h("p", { class: "message-state" }, h("span", {}, why), reply);
  }
  if (state !== "failed") return null;
  return h(
    "p",
    { class: "message-state failed", role: "alert" },
    h("span", {}, t("message.failed", { reason: errorText(error) })),
    h("button", { class: "link", type: "button", onclick: () => session.outbox.retry(client_id) }, t("message.retry")),
    h("button", { class: "link", type: "button", "data-testid": "rewrite", onclick: () => tell("rewrite") }, t("message.edit")),
    h("button", { class: "link", type: "button", onclick: () => session.outbox.discard(client_id) }, t("message.discard")),
  );
}

/** What plugins make of the data that the message carries for them. */
function data(message, places) {
  if (message.deleted || message.state) return []; // of a message on its way, the server may still change it
  return places
    .in("message.data/v1")
    .filter(({ id }) => Object.hasOwn(message.data ?? {}, id))
    .map((item) => h("plugin-place", { item, context: Object.freeze({ message: frozen(message), data: frozen(message.data[item.id]) }) }));
}

function actions(message, { me, own, mayPin, session, places, room, tell }) {
  const button = (label, path, testid, onclick) =>
    h("button", { type: "button", title: label, "aria-label": label, "data-testid": testid, onclick }, icon(path));
  const remove = async () => {
    if (!(await ask(t("message.deleteConfirm"), t("message.delete")))) return;
    await session.remove(message.room, message.id).catch(tellError);
  };
  const pin = () => session.pin(message.room, message.id, !message.pinned).catch(tellError);
  return h(
    "div",
    { class: "actions", role: "group", "data-faults": true },
    ...QUICK_REACTIONS.map((emoji) =>
      h(
        "button",
        {
          type: "button",
          class: "emoji",
          title: t("message.react", { emoji }),
          "aria-label": t("message.react", { emoji }),
          onclick: () => toggle(session, message, emoji, !reactedBy(message, emoji).includes(me.id)),
        },
        emoji,
      ),
    ),
    ...places
      .in("message.actions/v1")
      .filter((item) => applies(item, { message, room, me }))
      .map((item) => placeButton(item, () => Object.freeze({ message: frozen(message) }))),
    button(t("message.reply"), ICONS.reply, "reply", () => tell("reply")),
    mayPin && button(t(message.pinned ? "message.unpin" : "message.pin"), ICONS.pin, "pin", () => void pin()),
    own && button(t("message.edit"), ICONS.edit, "edit", () => tell("edit")),
    own && button(t("message.delete"), ICONS.trash, "delete", () => void remove()),
  );
}
