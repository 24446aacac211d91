/** Tells the owner of the server so, and what to do next, until they close it. Shown where no room is open. */

import { h, icon, ICONS } from "../../../lib/dom.js";
import { t } from "../../../lib/i18n.js";

/** `close` has the card closed for good, `createRoom` asks for a new room. */
export function ownerCard({ places, close, createRoom }) {
  const invitations = () => places.in("admin.page/v1").find(({ plugin }) => plugin === "invites")?.key ?? "users";
  const steps = [
    ["owner.invite", "owner.inviteHint", () => go(invitations())],
    ["owner.rooms", "owner.roomsHint", createRoom],
    ["owner.plugins", "owner.pluginsHint", () => go("plugins")],
    ["owner.backups", "owner.backupsHint", () => go("status")],
  ];
  return h(
    "section",
    { class: "owner-card", "aria-labelledby": "owner-card-title", "data-testid": "owner-card" },
    h(
      "header",
      { class: "owner-card-head" },
      h("h2", { id: "owner-card-title" }, t("owner.title")),
      h("button", { class: "round", type: "button", title: t("owner.close"), "aria-label": t("owner.close"), "data-testid": "owner-card-close", onclick: close }, icon(ICONS.close)),
    ),
    h("p", { class: "muted" }, t("owner.lead")),
    h(
      "ul",
      {},
      ...steps.map(([label, hint, act]) =>
        h("li", {}, h("button", { class: "owner-step", type: "button", "data-testid": label, onclick: act }, h("strong", {}, t(label)), h("small", { class: "muted" }, t(hint)))),
      ),
    ),
  );
}

function go(page) {
  location.hash = `#${new URLSearchParams({ settings: page })}`;
}
