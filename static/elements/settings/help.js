/** What people ask who are new here, a part for each subject. What a plugin brings is told of where that plugin is on. */

import { h } from "../../lib/dom.js";
import { t } from "../../lib/i18n.js";
import { showShortcuts } from "../loaded.js";
import "./help-texts.js";

/**
 * `[heading, [text, plugin?]]`: keys of texts, and the plugin without which a text says nothing of this server.
 * @type {[string, string[][]][]}
 */
const PARTS = [
  ["help.rooms", [["help.rooms.list"], ["help.rooms.find"], ["help.rooms.make"], ["help.rooms.more"], ["help.rooms.menu"], ["help.rooms.picture", "pictures"]]],
  ["help.writing", [["help.writing.send"], ["help.writing.marks"], ["help.writing.names"], ["help.writing.emoji", "shortcodes"], ["help.writing.groups", "groups"], ["help.writing.later", "scheduled"], ["help.writing.poll", "polls"], ["help.writing.add", "attachments"], ["help.writing.drafts"]]],
  ["help.messages", [["help.messages.actions"], ["help.messages.thread"], ["help.messages.link"], ["help.messages.forward"], ["help.messages.select"], ["help.messages.saved", "saved"], ["help.messages.reminders", "reminders"]]],
  ["help.files", [["help.files.attach", "attachments"], ["help.files.describe", "attachments"]]],
  ["help.told", [["help.told.here"], ["help.told.inbox", "inbox"], ["help.told.push", "push"], ["help.told.quiet"], ["help.told.room"]]],
  ["help.people", [["help.people.card"], ["help.people.directory", "directory"], ["help.people.profile", "profiles"], ["help.people.status"], ["help.people.block"], ["help.people.report", "reports"], ["help.people.joining", "join_requests"], ["help.people.end", "account_deletion"]]],
  ["help.calls", [["help.calls.begin", "calls"]]],
  ["help.away", [["help.away.read"], ["help.away.send"], ["help.away.install"]]],
  ["help.private", [["help.private.rooms"], ["help.private.deleted"], ["help.private.receipts", "receipts"], ["help.private.devices"]]],
];

/** The page; `places` says which plugins are here. */
export function helpPage({ places }) {
  const parts = PARTS.map(([heading, lines]) => ({ heading, lines: lines.filter(([, plugin]) => !plugin || places.has(plugin)) })).filter(({ lines }) => lines.length);
  return h(
    "div",
    { class: "stack help", "data-testid": "help" },
    ...parts.map(({ heading, lines }) =>
      h("section", { class: "stack", "aria-label": t(heading) }, h("h3", {}, t(heading)), h("ul", { class: "help-lines" }, ...lines.map(([text]) => h("li", {}, t(text))))),
    ),
    h("div", {}, h("button", { class: "quiet", type: "button", onclick: () => void showShortcuts(), "data-testid": "help-keys" }, t("keys"))),
  );
}
