/** A row of the side bar: made once, and brought up to date in place. */

import { h, icon, ICONS } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { roomTitle } from "../lib/titles.js";
import { signsOf } from "../lib/unread.js";
import { avatar, roomSign } from "./avatar.js";
import { showStatus } from "./status-mark.js";

const KIND_ICON = { public: ICONS.hash, private: ICONS.lock, direct: ICONS.person };
const MOST = 99; // what a badge counts to

/** The item of a room, as `updateRoomRow` takes it; `hasDraft` says whether its reader has begun to write there. */
export function roomItem(room, hasDraft) {
  return { key: room.id, title: roomTitle(room), room, hasDraft };
}

/** `choose(key)` is called on a click. */
export function makeRoomRow({ key, title, room }, choose) {
  const button = h(
    "button",
    { type: "button", class: "room", tabindex: "-1", "data-key": key, "data-room": key, "data-testid": "room", onclick: () => choose(key) },
    signOf(room, title),
    h("span", { class: "room-name", dir: "auto" }),
  );
  return h("li", {}, button);
}

/** What stands for a room: the other one of a direct room, or a drawing, both with a picture if there is one. */
export function signOf(room, title) {
  return room.other ? avatar({ id: room.other, name: title }) : roomSign(room.id, icon(iconOf(room)));
}

function iconOf({ archived, kind, others }) {
  if (archived) return ICONS.archive;
  return others.length > 0 ? ICONS.people : (KIND_ICON[kind] ?? ICONS.hash);
}

/** Writes only what has changed: `isActive` says whether the room is the open one. */
export function updateRoomRow(row, { title, room, hasDraft }, isActive) {
  const button = row.firstChild;
  const { isBold, unread, mentions, isMarked } = signsOf(room);
  say(button.querySelector(".room-name"), title);
  showKind(button, room);
  button.classList.toggle("has-unread", isBold);
  button.classList.toggle("not-joined", !room.joined);
  button.classList.toggle("is-muted", room.prefers.muted);
  if (isActive) button.setAttribute("aria-current", "true");
  else button.removeAttribute("aria-current");
  sign(button, "posting", room.posting === "moderators", () => named("rooms.moderatorsWrite", icon(ICONS.megaphone)));
  showStatus(button.querySelector(".room-name"), room.status);
  sign(button, "draft", hasDraft && !isActive, () => named("rooms.draft", icon(ICONS.edit))); // of the open one it is seen
  sign(button, "muted", room.prefers.muted, () => named("rooms.muted", icon(ICONS.silent)));
  sign(button, "marked", isMarked, () => named("rooms.marked", h("span", { class: "dot" })));
  count(button, "unread", unread, () => unreadMark(room.kind === "direct"));
  count(button, "mentions", mentions, mentionMark);
}

/** A public room may become a private one, and the other way round. */
function showKind(button, room) {
  const kind = room.archived ? "archived" : room.kind;
  if (button.dataset.kind && button.dataset.kind !== kind && !room.other) button.firstChild.replaceWith(signOf(room));
  button.dataset.kind = kind;
}

/** A row of something to do, or a page to open. */
export function makeActRow({ key, icon: path }, choose) {
  const button = h(
    "button",
    { type: "button", class: "room", tabindex: "-1", "data-key": key, "data-testid": "switch-act", onclick: () => choose(key) },
    icon(path),
    h("span", { class: "room-name", dir: "auto" }),
  );
  return h("li", {}, button);
}

export function updateActRow(row, { title }) {
  say(row.querySelector(".room-name"), title);
}

/** The key of the row that a node is in, or of the heading that it is; undefined elsewhere. */
export function rowKey(node) {
  const button = node.closest("li")?.firstChild ?? node.closest(".group-toggle");
  return button?.dataset.key;
}

/** Has a sign in the button, or not. */
function sign(button, name, isThere, make) {
  const shown = button.querySelector(`.row-${name}`);
  if (!isThere) shown?.remove();
  else if (!shown) button.append(h("span", { class: `row-${name}`, "data-testid": name }, ...make()));
}

/** What a sign is for those who see it, and for those who hear it. */
function named(text, node) {
  return [node, h("span", { class: "visually-hidden" }, `, ${t(text)}`)];
}

/** Has the mark in the button that it needs for a number, if it is not 0. */
function count(button, name, number, make) {
  let mark = button.querySelector(`.row-${name}`);
  if (number === 0) mark?.remove();
  if (number === 0) return;
  if (!mark) button.append((mark = make()));
  say(mark.querySelector(`[data-testid="${name}"]`), number > MOST ? `${MOST}+` : String(number));
}

/** The number shows for direct rooms only, bold type has to do for others; a screen reader is told of it in all rooms. */
function unreadMark(isDirect) {
  return mark("rooms.unread", "unread", isDirect ? "badge" : "visually-hidden");
}

/** The sign tells what the number is of: a colour alone would not. */
function mentionMark() {
  const node = mark("rooms.mentions", "mentions", "badge mention");
  node.prepend(h("span", { "aria-hidden": "true" }, "@"));
  return node;
}

function mark(text, name, kind) {
  const [before, after] = t(text, { count: "\n" }).split("\n");
  const unseen = (part) => h("span", { class: "visually-hidden" }, part);
  return h("span", { class: `row-${name} ${kind}` }, unseen(`, ${before}`), h("span", { "data-testid": name }), unseen(after));
}

function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
