/** The interactive parts of messages (message-parts.js), which are loaded with the first message that has some. */

import { h } from "../lib/dom.js";

let parts = null; // the module, once it is there

/** A node, or null if the message has none. */
export function lateParts(message, session) {
  if (!message.data?.parts) return null;
  if (parts) return parts.messageParts(message, session);
  const place = h("div");
  import("./message-parts.js").then(
    (part) => {
      parts = part;
      place.replaceWith(part.messageParts(message, session) ?? "");
    },
    () => {}, // without a network; they are there when the row is made anew
  );
  return place;
}

/** As in message-parts.js. */
export function carryOver(before, after) {
  return parts?.carryOver(before, after) ?? null;
}
