/** The plugins of the server, for its staff: which are on, their hooks, and what they claim, which can be released. */

import { h } from "../../lib/dom.js";
import { t } from "../../lib/i18n.js";
import { ask } from "../dialogs.js";
import { Attempts } from "./attempts.js";

export function pluginsPage({ api }) {
  const attempts = new Attempts(api);
  const rows = h("ul", { class: "rows", "data-testid": "plugins" });

  async function draw() {
    rows.replaceChildren(...(await api.plugins()).map(row));
  }

  function row({ name, on, hooks, claims }) {
    return h(
      "li",
      { class: "plugin-row", "data-testid": `plugin-${name}` },
      h("span", { class: "row-main" }, name, !on && h("strong", { class: "form-error" }, ` ${t("admin.off")}`)),
      h("small", { class: "muted" }, hooks.join(", ")),
      claims.length > 0 && h("ul", { class: "claims" }, ...claims.map((claim) => claimed(claim))),
    );
  }

  function claimed({ plugin, action, room }) {
    const text = t("admin.claim", { action, room: room ?? t("admin.allRooms") });
    const release = async () => {
      if (!(await ask(t("admin.releaseConfirm", { plugin, action }), t("admin.release")))) return;
      await attempts.run(async () => {
        await api.releaseClaim({ plugin, action, room });
        await draw();
      }, t("settings.saved"));
    };
    return h("li", {}, h("span", {}, text), h("button", { class: "quiet", type: "button", "data-testid": "release", "aria-label": `${t("admin.release")}: ${text}`, onclick: () => void release() }, t("admin.release")));
  }

  void attempts.run(draw);
  return h("div", { class: "stack" }, h("p", { class: "muted" }, t("admin.pluginsLead")), attempts.node, rows);
}
