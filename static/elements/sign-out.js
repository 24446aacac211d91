/** Signing out, which takes unsent messages out of the browser: it asks first if there are any. */

import { t } from "../lib/i18n.js";
import { ask } from "./dialogs.js";

export async function signOut(session) {
  const count = session.outbox.unsent;
  const question = t("signOut.unsent", { count });
  if (count && !(await ask(question, t("signOut")))) return;
  await session.signOut();
}
