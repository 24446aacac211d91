/** Looks for messages in the rooms one is in, newest first and page by page. What may be typed is in docs/protocol.md. */

import { h, icon, ICONS } from "../lib/dom.js";
import { errorText, formatDay, formatFull, formatTime, t } from "../lib/i18n.js";
import { plainOf, readyFor } from "../lib/late-formatting.js";
import { foundParts, searchText } from "../lib/searching.js";
import { roomTitle } from "../lib/titles.js";
import { show } from "./dialogs.js";
import { oneStop } from "./one-stop.js";
import { SearchFilters } from "./search-filters.js";
import "./later-texts.js";

/** `open({room, seq})` is called with the place of the message that was chosen. */
export function showSearch({ session, store, places, open }) {
  const error = h("p", { class: "form-error", role: "alert" });
  const status = h("p", { class: "muted", role: "status", "data-testid": "search-status" });
  const list = h("ul", { class: "found-list", "data-testid": "found" });
  const more = h("button", { class: "quiet", type: "button", hidden: true, "data-testid": "search-more" }, t("search.more"));
  const field = h("input", {
    name: "text",
    type: "search",
    class: "filter",
    maxlength: "200",
    dir: "auto",
    autocomplete: "off",
    "aria-label": t("search"),
    placeholder: t("search.hint"),
    "data-testid": "search-text",
  });
  const filters = new SearchFilters({ store, places, onChange: () => begin() });
  const form = h(
    "form",
    { class: "stack", role: "search", onsubmit: (event) => onSubmit(event) },
    h("div", { class: "invite-row" }, field, h("button", { class: "primary" }, t("search.do"))),
    filters.node,
  );
  const close = h(
    "button",
    { class: "round", type: "button", title: t("close"), "aria-label": t("close"), onclick: () => dialog.close() },
    icon(ICONS.close),
  );
  const dialog = h(
    "dialog",
    { class: "dialog", "aria-labelledby": "search-title", "data-testid": "search-dialog" },
    h("div", { class: "stack" }, h("div", { class: "dialog-head" }, h("h2", { id: "search-title" }, t("search")), close), form, error, status, list, more),
  );
  let asked = 0; // an answer to anything but the last question comes too late

  function onSubmit(event) {
    event.preventDefault();
    if (!begin()) status.textContent = t("search.what");
  }

  /** Looks for what the form says now; whether it says anything. */
  function begin() {
    const { room, ...conditions } = filters.value;
    const wanted = { text: searchText({ text: field.value, ...conditions }), room: room || null, words: field.value };
    asked += 1;
    list.replaceChildren();
    status.textContent = error.textContent = "";
    more.hidden = true;
    if (wanted.text) void page(wanted);
    return wanted.text !== "";
  }

  async function page(wanted, before) {
    const question = ++asked;
    error.textContent = "";
    status.textContent = t("search.busy");
    more.hidden = true;
    try {
      const found = await session.search(wanted.text, { before, room: wanted.room });
      await Promise.all(found.messages.map(({ body }) => readyFor(body)));
      if (question === asked) add(wanted, found);
    } catch (refusal) {
      if (question !== asked) return;
      status.textContent = "";
      error.textContent = errorText(refusal);
    }
  }

  function add(wanted, { messages, cursor, partial }) {
    const first = messages.map((message) => list.appendChild(row(message, wanted.words)))[0];
    status.textContent = [outcome(list.childElementCount, cursor), partial && t("search.partial")].filter(Boolean).join(" ");
    more.hidden = !cursor;
    more.onclick = () => void page(wanted, cursor);
    if (!form.contains(document.activeElement)) (first?.firstChild ?? (cursor ? more : field)).focus();
  }

  function row({ room, seq, author, at, body }, words) {
    const choose = () => {
      dialog.close();
      open({ room, seq });
    };
    const date = new Date(at);
    const known = store.room(room);
    return h(
      "li",
      {},
      h(
        "button",
        { class: "found", type: "button", "data-testid": "found-message", onclick: choose },
        h(
          "span",
          { class: "found-head muted" },
          h("strong", { dir: "auto" }, author.name || t("message.gone")),
          known && h("span", { dir: "auto" }, roomTitle(known)),
          h("time", { datetime: at, title: formatFull(date) }, `${formatDay(date)} ${formatTime(date)}`),
        ),
        h("span", { class: "found-body", dir: "auto" }, ...(store.blocked.has(author.id) ? [t("message.folded")] : marked(body, words))),
      ),
    );
  }

  oneStop(list);
  show(dialog);
  field.focus();
}

/** The text without its marks, so that spoilers stay hidden, with the words that were looked for. */
function marked(body, words) {
  return foundParts(plainOf(body), words).map(({ text, found }) => (found ? h("mark", {}, text) : text));
}

/** What a screen reader is told of the rows that are shown. With a `cursor` there may be more. */
function outcome(count, cursor) {
  if (cursor) return t("search.shown", { count });
  if (count === 0) return t("search.none");
  return t("search.found", { count });
}
