/** The pinned messages of a room, the last pinned first, in pages; it follows what is pinned, unpinned and changed. */

import { h } from "../lib/dom.js";
import { errorText, formatDay, formatFull, formatTime, t } from "../lib/i18n.js";
import { seqOf } from "../lib/ids.js";
import { plainOf, readyFor } from "../lib/late-formatting.js";
import "./later-texts.js";
import { oneStop } from "./one-stop.js";
import { tellError } from "./toasts.js";

const AGAIN_MS = 200; // several change at once, as when many are unpinned

/** Fills the element; returns what ends it. `view` has `session`, `store` and `room`, the room's id. */
export function fill(element, { session, store, room }) {
  const ended = new AbortController();
  const status = h("p", { class: "muted", role: "status", "data-testid": "pins-status" }, t("list.loading"));
  const list = h("ul", { class: "pins", "data-testid": "pins" });
  const more = h("button", { class: "quiet", type: "button", hidden: true, "data-testid": "pins-more", onclick: () => void load(shown.length, next) }, t("search.more"));
  let shown = [];
  let next = null; // the place of the next page
  let asked = 0; // an answer to anything but the last question comes too late
  let timer = 0;
  let may = store.mayPin(room);

  /** Pages from a place on, until there are more than `count` items or no more. */
  async function load(count, after = null) {
    const question = ++asked;
    more.disabled = true;
    try {
      const found = after === null ? [] : [...shown];
      let place = after;
      do {
        const page = await session.pins(room, place ?? "");
        found.push(...page.items);
        await Promise.all(page.items.map(({ message }) => readyFor(message.body)));
        place = page.after;
      } while (place && found.length <= count);
      if (question !== asked || ended.signal.aborted) return;
      [shown, next] = [found, place];
      draw();
    } catch (refusal) {
      if (question === asked && !ended.signal.aborted) status.textContent = errorText(refusal);
    }
    more.disabled = false;
  }

  function draw() {
    const focused = list.contains(document.activeElement) ? document.activeElement : null;
    const place = focused ? [...list.children].indexOf(focused.closest("li")) : -1;
    const { testid } = focused?.dataset ?? {};
    list.replaceChildren(...shown.map(row));
    status.textContent = shown.length ? "" : t("pins.none");
    more.hidden = !next;
    if (!focused) return;
    const near = list.children[Math.min(place, shown.length - 1)];
    (near?.querySelector(`[data-testid="${testid}"]`) ?? near?.querySelector("button") ?? element.closest("aside")?.querySelector("button"))?.focus();
  }

  function row({ message, by, at }) {
    const date = new Date(message.at);
    const text = store.blocked.has(message.author.id) ? t("message.folded") : plainOf(message.body) || message.data_text;
    const choose = () => element.dispatchEvent(new CustomEvent("message-chosen", { bubbles: true, detail: { room, seq: message.seq } }));
    const unpin = () => void session.pin(room, message.id, false).catch(tellError); // once more does nothing
    return h(
      "li",
      { class: "pin", "data-id": message.id, "data-testid": "pin" },
      h(
        "button",
        { class: "found", type: "button", "data-testid": "pin-show", onclick: choose },
        h("span", { class: "found-head muted" }, h("strong", { dir: "auto" }, message.author.name || t("message.gone")), h("time", { datetime: message.at, title: formatFull(date) }, `${formatDay(date)} ${formatTime(date)}`)),
        h("span", { class: "found-body", dir: "auto" }, text),
      ),
      h(
        "p",
        { class: "pin-by muted" },
        h("span", { title: formatFull(new Date(at)) }, t("pins.by", { name: by.name })),
        may && h("button", { class: "link", type: "button", "aria-label": t("pins.unpin", { name: message.author.name }), "data-testid": "pin-remove", onclick: unpin }, t("message.unpin")),
      ),
    );
  }

  const again = () => {
    clearTimeout(timer);
    timer = setTimeout(() => void load(shown.length - 1), AGAIN_MS);
  };
  const listen = (target, type, listener) => target.addEventListener(type, listener, { signal: ended.signal });
  listen(store, "logged", ({ detail: { event } }) => {
    if (event.room !== room || !event.message) return;
    const isListed = shown.some(({ message }) => seqOf(message.id) === seqOf(event.message));
    if (event.ev.startsWith("pin.") || isListed) again();
  });
  listen(store, "blocked", draw);
  listen(store, "change", ({ detail }) => {
    const before = may;
    may = store.mayPin(room);
    if ((detail.room === room || detail.room === null) && may !== before) draw();
  });
  listen(session, "ready", again);
  listen(session, "missed", ({ detail }) => detail.room === room && again());
  oneStop(list);
  element.append(h("div", { class: "stack" }, list, status, more));
  void load(0);
  return () => {
    ended.abort();
    clearTimeout(timer);
  };
}
