/** A thread at the side of its room: its messages, a composer of its own, and what plugins put into its head. */

import { h } from "../lib/dom.js";
import { errorText, t } from "../lib/i18n.js";
import { applies } from "../lib/places.js";
import { openedThread } from "../lib/thread.js";
import "./later-texts.js";
import { labelOf, placeButton, replaceButtons } from "./plugin-place.js";

/** Fills the element; returns what ends it. `view` is the room's, the rest as in threadPanel (room-panels.js). */
export function fill(element, view, { id, seq, rewrite, rests }) {
  const { session, store, places, room } = view;
  const ended = new AbortController();
  const listen = (target, type, listener) => target.addEventListener(type, listener, { signal: ended.signal });
  const head = element.closest(".room-panel").querySelector("header");
  const thread = openedThread({ session, store, room, id });
  if (thread.loaded) thread.placeNewLine();
  if (seq !== null) thread.wanted = seq;

  const broadcast = h("input", { type: "checkbox", "data-testid": "broadcast" });
  const composer = h("message-composer", { session, store, places, flow: thread, broadcast, "data-room": room, "data-rests": rests || seq !== null });
  const foot = h("composer-foot", { session, store, composer, "data-room": room });
  const list = h("message-list", { session, store, places, flow: thread, "data-room": room });
  const status = h("p", { class: "older muted", role: "status", "data-testid": "thread-status" });
  listen(list, "reply", ({ detail }) => foot.silent || composer.replyTo(detail.message));
  listen(list, "edit", ({ detail }) => foot.silent || composer.edit(detail.message));
  listen(list, "rewrite", ({ detail }) => composer.rewrite(detail.message));
  listen(composer, "sent", () => list.toEnd());

  /** What cannot be loaded now is loaded when the connection is back. */
  async function open() {
    status.textContent = thread.loaded ? "" : t(session.isReady ? "list.loading" : "room.notKeptLead");
    try {
      await thread.open();
      status.textContent = "";
    } catch (error) {
      status.textContent = error.code === "connection.lost" ? t("room.notKeptLead") : errorText(error);
    }
  }

  const added = head.querySelector(".room-panel-added");
  function drawActions() {
    const context = Object.freeze({ room, thread: id });
    const items = places.in("thread.actions/v1").filter((item) => applies(item, { room: store.room(room), me: store.me }));
    replaceButtons(added, items.map((item) => placeButton(item, () => context, { class: "round", label: labelOf(item, context) })));
  }

  listen(session, "ready", () => void open());
  listen(session, "missed", ({ detail }) => detail.room === room && void open());
  listen(places, "change", ({ detail }) => detail.place === "thread.actions/v1" && drawActions());
  drawActions();
  element.append(h("div", { class: "thread", "data-drop": true, "data-testid": "thread" }, status, list, foot));
  if (rewrite) void composer.rewrite(rewrite);
  else if (!rests && seq === null && !element.contains(document.activeElement)) head.lastElementChild.focus(); // nobody can write, or types on the screen
  void open();
  return () => ended.abort();
}
