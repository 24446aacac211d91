/** Where one is signed in; each session but this one can be ended. */

import { h } from "../../lib/dom.js";
import { formatFull, t } from "../../lib/i18n.js";
import { Attempts } from "./attempts.js";

export function sessionsPage({ api }) {
  const attempts = new Attempts(api);
  const sessions = h("ul", { class: "rows", "data-testid": "sessions" });

  async function draw() {
    const found = await api.sessions();
    sessions.replaceChildren(...found.map((each) => row(each, () => void attempts.run(() => end(each.id)))));
  }

  async function end(id) {
    await api.endSession(id);
    await draw();
  }

  void attempts.run(draw);
  return h("div", { class: "stack" }, sessions, attempts.node);
}

function row({ current, created, agent, address, id }, onend) {
  const time = created && formatFull(new Date(created));
  return h(
    "li",
    { "data-testid": `session-${id}` },
    h("span", { class: "row-main" }, [current && t("account.thisSession"), time, address].filter(Boolean).join(" · ")),
    h("small", { class: "muted", dir: "auto" }, agent),
    !current && h("button", { class: "quiet", type: "button", onclick: onend }, t("account.end")),
  );
}
