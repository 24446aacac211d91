/** Where one is signed in, as people read it; each session but this one can be ended. */

import { h } from "../../lib/dom.js";
import { formatFull, t } from "../../lib/i18n.js";
import { describeAgent } from "../../lib/user-agent.js";
import { ask } from "../dialogs.js";
import "../later-texts.js";
import { Attempts } from "./attempts.js";
import { listing } from "./listing.js";

export function sessionsPage({ api }) {
  const attempts = new Attempts(api);
  let found = [];
  const list = listing({ load, row: (each) => sessionRow(each, each.current ? null : () => void attempts.run(() => end([each]))), empty: "", testid: "sessions" });
  const others = h("button", { class: "quiet", type: "button", hidden: true, "data-testid": "end-others", onclick: () => void endOthers() }, t("account.endOthers"));

  async function load() {
    found = await api.sessions();
    others.hidden = found.length < 3; // of one other the row's own button is enough
    return { items: found, after: null };
  }

  async function end(sessions) {
    for (const { id } of sessions) await api.endSession(id);
    await list.reload();
  }

  async function endOthers() {
    if (!(await ask(t("account.endOthersConfirm"), t("account.endOthers")))) return;
    await attempts.run(() => end(found.filter(({ current }) => !current)), t("account.othersEnded"));
  }

  void list.reload();
  return h("div", { class: "stack" }, h("p", { class: "muted" }, t("account.sessionsLead")), list.node, h("div", {}, others), attempts.node);
}

/** A session in words, with a button that calls `onend` unless that is null. */
export function sessionRow({ id, current, created, agent, address }, onend) {
  const { program, system } = describeAgent(agent);
  const device = program && system ? t("device.on", { program, system }) : program || system || t("device.unknown");
  const since = created && t("account.since", { time: formatFull(new Date(created)) });
  return h(
    "li",
    { "data-testid": `session-${id}` },
    h(
      "span",
      { class: "row-main" },
      h("strong", { dir: "auto" }, device),
      current && h("span", { class: "mark" }, t("account.thisSession")),
      h("small", { class: "muted row-more" }, [since, address && t("account.from", { address })].filter(Boolean).join(" · ")),
    ),
    onend && h("button", { class: "quiet", type: "button", "aria-label": `${t("account.end")}: ${device}`, "data-testid": "session-end", onclick: onend }, t("account.end")),
  );
}
