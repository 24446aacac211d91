/** The page's own panels of a room, each loaded when it is opened. */

import { ICONS } from "../lib/dom.js";
import { t } from "../lib/i18n.js";

/** Items like those of `room.panels/v1`. `view` has `session`, `store`, `places` and `room`, the room's id. */
export function ownPanels(view) {
  return {
    pins: panel("pins", "room.pins", ICONS.pin, view, () => import("./pinned-list.js")),
    settings: panel("settings", "room.settings", ICONS.gear, view, () => import("./settings/room.js")),
  };
}

/**
 * The thread beneath the message `id`. `seq` is that of a reply that is wanted, `rewrite` a refused one that is taken back,
 * `opener` the id of the message that gets the focus in the end; with `rests` the focus stays where it is.
 */
export function threadPanel(view, { id, seq, rewrite, rests, opener }) {
  const made = panel("thread", "thread", ICONS.thread, view, () => import("./thread-panel.js"), { id, seq, rewrite, rests });
  return { ...made, thread: id, opener };
}

/** The module has `fill(element, view, wanted)`. */
function panel(id, name, icon, view, load, wanted = {}) {
  return {
    id,
    key: `room-${id}`,
    plugin: "",
    label: () => t(name),
    icon,
    async mount(element) {
      element.textContent = t("list.loading");
      const { fill } = await load();
      element.replaceChildren();
      return fill(element, view, wanted);
    },
  };
}
