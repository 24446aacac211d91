/** The panel of a room's pinned messages, loaded when it is opened. */

import { ICONS } from "../lib/dom.js";
import { t } from "../lib/i18n.js";

/** An item like those of `room.panels/v1`; `view` as for `roomSettings`. */
export function roomPins(view) {
  return {
    id: "pins",
    key: "room-pins",
    plugin: "",
    label: () => t("room.pins"),
    icon: ICONS.pin,
    async mount(element) {
      element.textContent = t("list.loading");
      const { pinnedList } = await import("./pinned-list.js");
      element.replaceChildren();
      return pinnedList(element, view);
    },
  };
}
