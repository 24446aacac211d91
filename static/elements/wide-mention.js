/** The question before a message that many are told of. Loaded with the first message that names everybody. */

import { t } from "../lib/i18n.js";
import { ask } from "./dialogs.js";
import "./later-texts.js";

const FEW = 10; // members of a room where nobody is asked

/** Resolves with whether to send it: nobody is asked where it tells few, or nobody as the writer may not, or is offline. */
export async function mayTellMany(session, room) {
  const about = await session.about(room).catch(() => null);
  if (!about?.may_mention_all || about.member_count <= FEW) return true;
  return ask(t("mention.many", { count: about.member_count }), t("mention.send"));
}
