/**
 * One message as an article: head, quote, text, reactions, state. What its buttons do is named by `data-do`, for the one
 * listener of the list. It has no actions: those are made for the row that somebody points at (message-actions.js).
 */

import { h, icon, ICONS } from "../lib/dom.js";
import { pictured } from "../lib/emoji.js";
import { errorText, formatDay, formatFull, formatTime, t } from "../lib/i18n.js";
import { formatterOf, namerOf, plainOf, readyFor } from "../lib/late-formatting.js";
import { segments } from "../lib/linkify.js";
import { isMentioned } from "../lib/mentions.js";
import { applies } from "../lib/places.js";
import { complain, frozen } from "../lib/plugins.js";
import { avatar } from "./avatar.js";
import { botMark } from "./bot-mark.js";
import { lateParts, lateUploadState } from "./late-parts.js";
import { statusMark } from "./status-mark.js";

const CLOCK = "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM12 8v4l3 2";
let made = 0; // ids in the document

/**
 * The first argument is an entry of the timeline, `room` that of the list, `rooms` those of the store. `isClosed`: nothing is
 * to be begun in there; `isInThread`: it is one of a thread, not of a room; `showsEdits`: the reader may see what the message said before.
 */
export function messageRow({ message, grouped, folded, quoted, quoteFolded, thread, last = false }, { me, session, places, room = null, rooms, isClosed = false, isInThread = false, showsEdits = false }) {
  const { author, state } = message;
  const name = author.name || (author.id === me.id ? me.username : t("message.gone"));
  const shown = folded ? [] : data(message, places, isClosed);
  const id = `message-${++made}`;
  const head = { id: `${id}-head` };
  return h(
    "article",
    {
      class: ["message", grouped && "grouped", author.id === me.id ? "own" : !folded && isMentioned(message, me.id) && "mentioned", state].filter(Boolean).join(" "),
      tabindex: "-1",
      "aria-labelledby": head.id,
      "aria-describedby": `${id}-text`,
      "aria-setsize": "-1",
      "aria-posinset": message.seq ? String(message.seq) : null,
      "data-testid": "message",
      "data-state": state ?? "posted",
      "data-id": message.id,
      "data-kept": message.kept,
    },
    grouped ? h("span", { class: "avatar-space" }, time(message)) : face(author.id, name),
    h(
      "div",
      { class: "message-main" },
      !grouped && h("div", { class: "message-head", ...head }, h("button", { class: "author", type: "button", "data-do": "person", "aria-keyshortcuts": "p", "data-testid": "author" }, h("strong", { dir: "auto" }, name)), botMark(author), statusMark(session.statuses.of(author.id)), time(message)),
      grouped && h("span", { class: "visually-hidden", ...head }, `${name} ${formatTime(new Date(message.at))}`),
      h(
        "div",
        { class: "message-content", id: `${id}-text` },
        message.thread && message.broadcast && origin(isInThread),
        !folded && (message.reply_to || message.reply_to_unsent) && quote(message, quoted ?? (message.quoted && { ...message.quoted, author: me }), quoteFolded, places),
        folded ? fold() : body(message, shown.length > 0 && repeats(message), { session, places, room, rooms, showsEdits }),
      ),
      !message.deleted && !folded && lateParts(message, session),
      ...shown,
      ...(folded ? [] : parts(message, places)),
      reactions(message, me, places),
      thread && replies(thread),
      ...(last ? belowLast(message, { places, room, me }) : []),
      delay(message),
      failure(message, places),
    ),
    state === "pending" && !whyLater(message) && h("span", { class: "message-pending", role: "img", title: t("message.pending"), "aria-label": t("message.pending") }, icon(CLOCK)),
  );
}

/** The avatar leads to the person as the name beside it does, for those who point at it. */
function face(id, name) {
  const node = avatar({ id, name });
  node.dataset.do = "person";
  return node;
}

/** The line in a list of replies that says how many there are. */
export function repliesRow(count) {
  return h("div", { class: "thread-count", "data-testid": "thread-count" }, h("span", {}, t("thread.replies", { count })));
}

/** Of a reply that stands in the room, too: the way to its thread, or, in there, a word about it. */
function origin(isInThread) {
  if (isInThread) return h("small", { class: "muted", "data-testid": "in-room" }, t("thread.inRoom"));
  return h("button", { class: "thread-link", type: "button", "data-do": "thread", "data-testid": "in-thread" }, icon(ICONS.thread), t("thread.in"));
}

/** How many replies a message has, whose, and since when: the way to its thread. */
function replies({ count, at, authors, isNew }) {
  const date = new Date(at);
  return h(
    "button",
    { class: "thread-link", type: "button", "data-do": "thread", "data-testid": "thread-replies" },
    ...authors.map(({ id, name }) => avatar({ id, name })),
    h("strong", {}, t("thread.replies", { count })),
    h("time", { class: "muted", datetime: at, title: formatFull(date) }, `${formatDay(date)} ${formatTime(date)}`),
    isNew && h("span", { class: "dot", role: "img", "aria-label": t("thread.new"), title: t("thread.new"), "data-testid": "thread-new" }),
  );
}

function time({ at }) {
  const date = new Date(at);
  return h("time", { datetime: at, title: formatFull(date) }, formatTime(date));
}

/** In place of what somebody says whom the reader blocks. */
function fold() {
  return h("p", { class: "message-body folded" }, t("message.folded"), h("button", { class: "link", type: "button", "data-do": "unfold", "data-testid": "unfold" }, t("message.unfold")));
}

/** What a message answers, and the way to it; what is not sent yet stands below, and has none. */
function quote({ reply_to: original }, quoted, folded, places) {
  const attributes = original ? { type: "button", title: t("message.toOriginal"), "data-do": "original", "data-testid": "quote" } : {};
  return h(original ? "button" : "p", { class: "quote", ...attributes }, ...(quoted ? quotedParts(quoted, folded, places) : [t("message.replyGone")]));
}

function quotedParts(message, folded, places) {
  const text = folded ? t("message.folded") : message.deleted ? t("message.deleted") : plainOf(message.body);
  return [h("strong", { dir: "auto" }, message.author.name || t("message.gone")), h("span", { dir: "auto" }, ...withPictures(text, places))];
}

/** Whether the text is no more than that of the data, or the lines with which that begins: descriptions follow names. */
function repeats({ body: text, data_text: shown = "" }) {
  return text === shown || shown.startsWith(`${text}\n`);
}

/** `repeats`: the text says no more than what plugins show below it, as the names of attached files do. */
function body(message, repeats, { showsEdits, ...given }) {
  if (message.deleted) return h("p", { class: "message-body deleted" }, t("message.deleted"));
  const edited = message.edited_at && h("small", { class: "edited" }, showsEdits ? h("button", { class: "link", type: "button", title: t("message.edits"), "data-do": "edits", "data-testid": "edited" }, t("message.edited")) : t("message.edited"));
  const pinned = message.pinned && h("small", { class: "edited", "data-testid": "pinned" }, t("message.pinned"));
  if (repeats && !edited && !pinned) return null;
  const node = repeats ? bare([]) : formattedNode(message.body, (part, isLink) => (isLink ? withPictures(part, given.places) : withNames(part, message, given)));
  node.append(...[edited, pinned].filter(Boolean));
  return node;
}

/** A text with what its marks mean, as soon as that can be drawn. `draw` makes nodes of a part without marks and links. */
function formattedNode(text, draw) {
  return formatterOf(text)?.formatted(text, draw) ?? bare(linked(text, draw));
}

/** A text without marks, or whose marks are not drawn yet. */
function bare(parts) {
  return h("p", { class: "message-body", dir: "auto", "data-testid": "message-body" }, ...parts);
}

function linked(body, draw) {
  return segments(body).flatMap(({ text, href }) =>
    href ? h("a", { href, target: "_blank", rel: "noopener noreferrer nofollow" }, text) : draw(text),
  );
}

/** A text as nodes, in which names lead to people and rooms, as soon as that can be drawn. */
function withNames(text, message, given) {
  const draw = (part) => withPictures(part, given.places);
  return namerOf(text)?.named(text, message, { ...given, draw }) ?? draw(text);
}

/** A text as nodes: emoji of plugins are pictures in it. */
export function withPictures(text, places) {
  return pictured(text, places).map(({ text: alt, src }) => (src ? h("img", { class: "emoji-picture", src, alt, title: alt }) : alt));
}

function reactions(message, me, places) {
  const given = Object.entries(message.reactions ?? {});
  if (given.length === 0) return null;
  const chips = given.map(([emoji, users]) =>
    h(
      "button",
      {
        class: "chip",
        type: "button",
        "aria-pressed": String(users.includes(me.id)),
        "aria-label": t("message.reactions", { emoji, count: users.length }),
        "data-testid": "reaction",
        "data-do": "react",
        "data-emoji": emoji,
      },
      ...withPictures(emoji, places),
      ` ${users.length}`,
    ),
  );
  return h("div", { class: "chips" }, ...chips);
}

/** Why a message of mine is not sent yet; null if it is about to be. */
function whyLater({ state, error, isHeld }) {
  if (state !== "pending") return null;
  if (isHeld) return t("message.held");
  return error ? t("message.later", { reason: errorText(error) }) : null;
}

function delay(message) {
  const why = whyLater(message);
  if (message.state === "pending" && message.attached?.some(({ value }) => value === null)) return lateUploadState(message, why);
  return why && h("p", { class: "message-state" }, why);
}

/** Why a message of mine was refused, and what to do about it. */
function failure({ state, error }, places) {
  if (state !== "failed") return null;
  const link = (label, what) => h("button", { class: "link", type: "button", "data-do": what, "data-testid": what }, label);
  return h(
    "p",
    { class: "message-state failed", role: "alert" },
    h("span", {}, t("message.failed", { reason: errorText(error) })),
    link(t("message.retry"), "retry"),
    link(t("message.edit"), "rewrite"),
    error?.code === "limit.size" && places.in("composer.files/v1").length > 0 && link(t("message.asFile"), "file"),
    link(t("message.discard"), "discard"),
  );
}

/** What plugins put below one's own last message. */
function belowLast(message, { places, room, me }) {
  const items = places.in("message.last/v1").filter((item) => applies(item, { message, room, me }));
  return items.map((item) => h("plugin-place", { item, context: Object.freeze({ message: frozen(message) }) }));
}

/** What plugins make of the data that the message carries for them. */
function data(message, places, closed) {
  if (message.deleted || message.state) return []; // of a message on its way, the server may still change it
  return places
    .in("message.data/v1")
    .filter(({ id }) => Object.hasOwn(message.data ?? {}, id))
    .map((item) => h("plugin-place", { item, context: Object.freeze({ message: frozen(message), data: frozen(message.data[item.id]), closed }) }));
}

/** What plugins show below a message that asks for it by no data of its own. */
function parts(message, places) {
  const items = message.deleted || message.state ? [] : places.in("message.parts/v1");
  if (items.length === 0) return [];
  const about = Object.freeze({ message: frozen(message) });
  const formatted = async (text) => {
    await readyFor(text);
    const node = formattedNode(text, (part) => withPictures(part, places));
    delete node.dataset.testid; // it is not the message's own text
    return node;
  };
  const context = Object.freeze({ ...about, formatted });
  return items.filter((item) => isWanted(item, about)).map((item) => h("plugin-place", { item, context }));
}

/** Whether an item of a place shows something with a message. */
export function concerns(item, place, message) {
  if (place === "message.data/v1") return Object.hasOwn(message.data ?? {}, item.id);
  return place !== "message.parts/v1" || isWanted(item, { message: frozen(message) });
}

function isWanted(item, about) {
  try {
    return Boolean(item.wants(about));
  } catch (error) {
    complain(item.plugin, error);
    return false;
  }
}
