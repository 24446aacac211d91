/** The title of a room on the page: direct rooms have no name of their own. */

import { t } from "./i18n.js";

export function roomTitle(room) {
  return room.name || t(room.kind === "direct" ? "room.direct" : "room.name");
}
