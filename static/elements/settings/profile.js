/** One's own name, what plugins add to it, and the language of the page. */

import { h } from "../../lib/dom.js";
import { t } from "../../lib/i18n.js";
import { frozen } from "../../lib/plugins.js";
import { languageSelect } from "../language-select.js";
import { Attempts } from "./attempts.js";
import { pluginParts } from "./plugin-parts.js";

export function profilePage({ api, session, store, places }) {
  const { username, name } = store.me;
  const attempts = new Attempts(api);
  const input = h("input", { name: "name", value: name || username, required: true, maxlength: "80", dir: "auto", autocomplete: "name", "data-testid": "profile-name" });
  const onsubmit = (event) => {
    event.preventDefault();
    void attempts.run(async () => {
      const changed = await api.changeName(input.value.trim());
      session.renamed(changed);
      input.value = changed.name;
    }, t("settings.saved"));
  };
  return h(
    "div",
    { class: "stack" },
    h("p", { class: "muted", dir: "auto" }, `@${username}`),
    h(
      "form",
      { class: "stack", onsubmit },
      h("label", { class: "field" }, h("span", {}, t("settings.name")), input),
      h("div", {}, h("button", { class: "primary", type: "submit", "data-testid": "profile-save" }, t("settings.save"))),
    ),
    pluginParts(places, "profile.parts/v1", { user: frozen(store.me) }),
    h("div", { class: "field" }, h("span", { "aria-hidden": "true" }, t("language")), languageSelect()),
    attempts.node,
  );
}
