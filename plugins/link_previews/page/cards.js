/** The cards of a message. What they say is a foreign page's own word: the host is shown with it, always. */

import { make } from "./make.js";
import { areWanted, onWanted } from "./wanted.js";

const MODERATORS = ["owner", "admin"];

/** Shows the cards of a message; returns what ends that. */
export function show(page, element, { message, data }) {
  const mayRemove = message.author.id === page.me().id || moderates(page.me(), page.room(message.room));
  const cards = (data.cards ?? []).map((card) => item(page, message.id, card, mayRemove));
  if (!cards.length) return () => {};
  const list = make("ul", { className: "link-previews", testid: "link-previews" }, ...cards);
  list.setAttribute("aria-label", page.t("previews"));
  const draw = () => (list.hidden = !areWanted());
  draw();
  element.append(list);
  return onWanted(draw);
}

/** As the server's staff, or by a role in the room; the server decides. */
function moderates(me, room) {
  return Boolean(room) && room.kind !== "direct" && (MODERATORS.includes(me.role) || MODERATORS.includes(room.role));
}

function item(page, message, card, mayRemove) {
  const link = make("a", { href: card.url, target: "_blank", rel: "noopener noreferrer nofollow", textContent: card.title, testid: "link-preview-title" });
  const place = [card.site, card.host].filter(Boolean).join(" · ");
  return make(
    "li",
    { className: "link-preview", testid: "link-preview" },
    make("p", { className: "muted link-preview-place", dir: "auto", textContent: place, testid: "link-preview-place" }),
    make("p", { className: "link-preview-title", dir: "auto" }, link),
    card.description ? make("p", { className: "link-preview-text", dir: "auto", textContent: card.description }) : null,
    mayRemove ? removal(page, message, card) : null,
  );
}

/** A button that removes a card for everybody, and why it was refused. */
function removal(page, message, card) {
  const fault = make("p", { className: "form-error", role: "alert", testid: "link-preview-fault" });
  const button = make("button", { type: "button", className: "link", textContent: page.t("remove"), testid: "link-preview-remove" });
  button.setAttribute("aria-label", page.t("removeOf", { title: card.title }));
  button.addEventListener("click", async () => {
    fault.textContent = "";
    try {
      await page.call("remove", { message, url: card.url });
    } catch (refusal) {
      fault.textContent = page.errorText(refusal);
    }
  });
  return make("div", {}, button, fault);
}
