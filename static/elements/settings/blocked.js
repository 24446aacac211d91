/** Those whom the reader blocks, since when, and the way to end it. It follows what happens in other places. */

import { h } from "../../lib/dom.js";
import { formatDate, t } from "../../lib/i18n.js";
import { avatar } from "../avatar.js";
import "../later-texts.js";
import { Attempts } from "./attempts.js";
import { listing } from "./listing.js";

export function blockedPage({ api, session, store }) {
  const attempts = new Attempts(api);
  const list = listing({ load, row, empty: t("blocked.none"), testid: "blocked-people" });
  const lead = h("p", { class: "muted", tabindex: "-1" }, t("blocked.lead"));
  const page = h("div", { class: "stack" }, lead, list.node, attempts.node);

  async function load() {
    return { items: await session.blocks.list(), after: null };
  }

  function row({ id, name, username, at }) {
    const unblock = () => attempts.run(() => session.blocks.remove(id), t("blocked.ended", { name }));
    const label = t("block.undo");
    return h(
      "li",
      { "data-testid": "blocked-person", "data-user": id },
      avatar({ id, name }),
      h(
        "span",
        { class: "row-main" },
        h("strong", { dir: "auto" }, name),
        h("small", { class: "muted row-more", dir: "auto" }, `@${username}`),
        at && h("small", { class: "muted row-more" }, t("account.since", { time: formatDate(new Date(at)) })),
      ),
      h("button", { class: "quiet", type: "button", "aria-label": `${label}: ${name}`, "data-testid": "blocked-end", onclick: () => void unblock() }, label),
    );
  }

  /** Rows of those who are blocked no longer go; for others who are, the list is read again. */
  function follow() {
    if (!page.isConnected) {
      store.removeEventListener("blocked", follow);
      return;
    }
    const rows = [...list.rows.children];
    const gone = rows.filter((each) => !store.blocked.has(each.dataset.user));
    const hadFocus = gone.some((each) => each.contains(document.activeElement));
    if (rows.length - gone.length < store.blocked.size || gone.length === rows.length) void list.reload();
    else for (const each of gone) each.remove();
    if (hadFocus) lead.focus();
  }

  store.addEventListener("blocked", follow);
  void list.reload();
  return page;
}
