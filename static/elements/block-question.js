/** Asks whether somebody is to be blocked, and says what that does. Loaded when it is asked. */

import { t } from "../lib/i18n.js";
import { ask } from "./dialogs.js";
import "./later-texts.js";

/** Calls `block` after a yes. */
export async function askBlock(name, block) {
  if (await ask(t("block.confirm", { name }), t("block.do"))) await block();
}
