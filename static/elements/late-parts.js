/** Parts of messages whose modules are loaded with the first message that has some. */

import { h } from "../lib/dom.js";

const parts = late(() => import("./message-parts.js"));
const uploads = late(() => import("./upload-state.js"));

/** What one can use in a message (message-parts.js): a node, or null if the message has nothing of it. */
export function lateParts(message, session) {
  return message.data?.parts || message.note ? parts.made((part) => part.messageParts(message, session)) : null;
}

/** As in message-parts.js. */
export function carryOver(before, after) {
  return parts.module?.carryOver(before, after) ?? null;
}

/** As in upload-state.js. */
export function lateUploadState(message, why) {
  return uploads.made((part) => part.uploadState(message, why));
}

/** `made(make)` is the node that `make(module)` makes, or one in whose place that will be. */
function late(load) {
  const own = {
    module: null, // once it is there
    made(make) {
      if (own.module) return make(own.module);
      const place = h("div");
      load().then(
        (module) => {
          own.module = module;
          place.replaceWith(make(module) ?? "");
        },
        () => {}, // without a network; it is there when the row is made anew
      );
      return place;
    },
  };
  return own;
}
