/** What a room is about: its description, which the list of rooms leaves out, asked for when somebody looks for it. */

import { h } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { segments } from "../lib/linkify.js";
import "./later-texts.js";

/** An element that shows the description of a room (id) once it is known; without one it stays hidden. */
export function roomAbout(session, room) {
  const node = h("p", { class: "room-about message-body", dir: "auto", role: "region", tabindex: "0", "aria-label": t("room.about"), hidden: true, "data-testid": "room-about" });
  session.description(room).then(
    (text) => {
      node.replaceChildren(...segments(text).map(({ text: part, href }) => (href ? h("a", { href, target: "_blank", rel: "noopener noreferrer nofollow" }, part) : part)));
      node.hidden = !text;
    },
    () => {}, // whatever shows it asks for more, and tells of the same refusal
  );
  return node;
}
