/** A list that is read from the server, page by page, with its states: loading, empty, failed, and more to come. */

import { h } from "../../lib/dom.js";
import { errorText, t } from "../../lib/i18n.js";
import "../later-texts.js";

/**
 * `load(after)` resolves with `{items, after}`, where `after` is null on the last page; `row(item)` makes an `li`.
 * `empty` is said if there is none. Returns `node`, `rows`, and `reload()`, which begins again.
 */
export function listing({ load, row, empty, testid }) {
  const rows = h("ul", { class: "rows", "data-testid": testid });
  const state = h("p", { class: "muted", role: "status", "data-testid": `${testid}-state` });
  const fault = h("p", { class: "form-error", role: "alert" });
  const again = h("button", { class: "quiet", type: "button", hidden: true, "data-testid": `${testid}-again`, onclick: () => void next() }, t("plugin.again"));
  const more = h("button", { class: "quiet wide", type: "button", hidden: true, "data-testid": `${testid}-more`, onclick: () => void next() }, t("search.more"));
  let after = "";
  let asked = 0;

  async function next() {
    const mine = (asked += 1);
    again.hidden = more.hidden = true;
    fault.textContent = "";
    state.textContent = t("list.loading");
    try {
      const page = await load(after);
      if (mine !== asked) return; // another search began meanwhile
      rows.append(...page.items.map(row));
      after = page.after;
      more.hidden = after === null;
      state.textContent = rows.childElementCount === 0 && more.hidden ? empty : "";
    } catch (error) {
      if (mine !== asked) return;
      state.textContent = "";
      fault.textContent = errorText(error);
      again.hidden = false;
    }
  }

  function reload() {
    after = "";
    rows.replaceChildren();
    return next();
  }

  return { node: h("div", { class: "stack" }, rows, state, fault, again, more), rows, reload };
}

/** A form with a search field and a button. `search()` is called when it is sent, and when the field is emptied. */
export function searchForm({ label, testid, search }) {
  const field = h("input", { type: "search", name: "text", "aria-label": label, placeholder: label, autocomplete: "off", dir: "auto", "data-testid": testid, oninput: () => field.value || void search() });
  const onsubmit = (event) => {
    event.preventDefault();
    void search();
  };
  return { form: h("form", { class: "invite-row", role: "search", onsubmit }, field, h("button", { class: "primary" }, t("search.do"))), text: () => field.value.trim() };
}
