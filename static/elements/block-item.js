/** Blocking somebody, and ending that, as an item of menus: of a direct room, and of a person in a list. */

import { ICONS } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { loaded } from "./loaded.js";
import { tellError } from "./toasts.js";

/** An item for `menu-button`. A refusal goes to `refused(error)`. */
export function blockItem({ session, store }, { id, name }, refused = tellError) {
  if (store.blocked.has(id)) return { label: t("block.undo"), icon: ICONS.block, testid: "unblock", run: () => void session.blocks.remove(id).catch(refused) };
  const block = async () => (await loaded(import("./block-question.js")))?.askBlock(name, () => session.blocks.add(id).catch(refused));
  return { label: t("block"), icon: ICONS.block, testid: "block", danger: true, run: () => void block() };
}
