/** Says beside a name that it is a machine's. */

import { h } from "../lib/dom.js";
import { t } from "../lib/i18n.js";

/** The mark for a user, or null for a person. */
export function botMark({ bot }) {
  return bot ? h("span", { class: "bot-mark", "data-testid": "bot-mark" }, t("user.bot")) : null;
}
