/** A person in a list: avatar, name, user name, status, and whether they are blocked. */

import { h } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { avatar } from "./avatar.js";
import { botMark } from "./bot-mark.js";
import { statusMark } from "./status-mark.js";
import "./later-texts.js";

const LEADING = new Set(["owner", "admin"]); // roles in a room that others look for

/** What is drawn of a person, to stand in a row; with the role in a room, if it is a leading one. */
export function personParts({ id, name, username, role = "member", bot = false }) {
  const about = [username && `@${username}`, LEADING.has(role) && t(`role.${role}`)].filter(Boolean).join(" · ");
  return [
    avatar({ id, name }),
    h(
      "span",
      { class: "person-name" },
      h("span", { dir: "auto" }, name),
      about && h("small", { class: "muted", dir: "auto" }, about),
      h("small", { class: "person-status", dir: "auto", "data-testid": "person-status" }),
    ),
    botMark({ bot }),
  ];
}

/** Shows the status of the person of a row, and whether they are blocked. */
export function drawPerson(row, { session, store }) {
  const status = session.statuses.of(row.dataset.user);
  const line = row.querySelector(".person-status");
  line.replaceChildren(...(status ? [statusMark(status), h("span", {}, ` ${status.text ?? ""}`)] : []));
  line.hidden = !status;
  row.querySelector(".person-blocked")?.remove();
  if (store.blocked.has(row.dataset.user)) row.querySelector(".person-name").append(h("small", { class: "person-blocked muted", "data-testid": "person-blocked" }, t("people.blocked")));
}

/** Draws the rows (`.person`) of a list again, whenever a status or a block changes, until the dialog closes. */
export function followPeople(dialog, list, { session, store }) {
  const end = new AbortController();
  const draw = (isMeant) => {
    for (const row of list.querySelectorAll(".person")) if (isMeant(row.dataset.user)) drawPerson(row, { session, store });
  };
  session.statuses.addEventListener("change", ({ detail }) => draw((id) => detail.users.has(id)), end);
  store.addEventListener("blocked", () => draw(() => true), end);
  dialog.addEventListener("close", () => end.abort());
}
