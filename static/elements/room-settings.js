/** The panel of a room's settings, loaded when it is opened. */

import { ICONS } from "../lib/dom.js";
import { t } from "../lib/i18n.js";

/** An item like those of `room.panels/v1`. `view` has `session`, `store`, `places` and `room`, the room's id. */
export function roomSettings(view) {
  return {
    id: "settings",
    key: "room-settings",
    plugin: "",
    label: () => t("room.settings"),
    icon: ICONS.gear,
    async mount(element) {
      element.textContent = t("list.loading");
      const { fill } = await import("./settings/room.js");
      element.replaceChildren();
      return fill(element, view);
    },
  };
}
