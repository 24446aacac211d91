/** Those who are banned from a room, page by page, with who did it, why and how long; and the way to lift a ban. */

import { h } from "../../lib/dom.js";
import { errorText, formatFull, t } from "../../lib/i18n.js";
import { avatar } from "../avatar.js";
import { listing } from "./listing.js";

/** Returns `node`, and `reload()`. */
export function bans({ session, room }) {
  const fault = h("p", { class: "form-error", role: "alert", "data-testid": "bans-error" });
  const list = listing({ load: (after) => session.bans(room, after), row, empty: t("bans.none"), testid: "room-bans" });

  function row({ user, by, reason, until, at }) {
    const about = [
      reason,
      t("bans.by", { name: by.name, time: formatFull(new Date(at)) }),
      until && t("ban.until", { time: formatFull(new Date(until)) }),
    ].filter(Boolean);
    const onclick = async ({ currentTarget: button }) => {
      button.disabled = true;
      fault.textContent = "";
      await session.unban(room, user.id).catch((refusal) => {
        fault.textContent = errorText(refusal);
      });
      await list.reload();
      title.focus();
    };
    return h(
      "li",
      { "data-testid": "room-ban", "data-user": user.id },
      avatar(user),
      h("span", { class: "row-main" }, h("strong", { dir: "auto" }, user.name), ...about.map((text) => h("small", { class: "muted row-more", dir: "auto" }, text))),
      h("button", { class: "quiet", type: "button", "aria-label": `${t("bans.lift")}: ${user.name}`, "data-testid": "ban-lift", onclick: (event) => void onclick(event) }, t("bans.lift")),
    );
  }

  const title = h("h3", { tabindex: "-1" }, t("bans"));
  void list.reload();
  return { node: h("section", { class: "stack", "aria-label": t("bans") }, title, fault, list.node), reload: () => list.reload() };
}
