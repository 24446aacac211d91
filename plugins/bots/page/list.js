/** A form that makes a bot, and the list of bots: one's own, or all. */

import { row } from "./bot.js";
import { button, field, make, once, styled } from "./make.js";
import { TEXTS } from "./texts.js";

const ADDRESS = "/api/v1/bots";

export function show(page, element, whose) {
  page.texts(TEXTS);
  styled();
  let shown = []; // bots, in order
  let next = null; // the place of the next page
  let turn = 0; // the last look counts, whichever ends last
  const open = new Set(); // ids of bots whose parts are shown
  const fault = make("p", { className: "bots-fault", role: "alert" });
  const said = make("p", { className: "muted", role: "status", tabIndex: -1 });
  const list = make("ul", { className: "bots-list" });
  const again = button(page.t("again"), () => read(), { hidden: true });
  const more = button(page.t("more"), () => read(next), { hidden: true });
  const form = make(
    "form",
    { className: "bots-form", hidden: true, onsubmit: once(add) },
    field(page.t("username"), input("username", { required: true, maxLength: 32, autocapitalize: "off", spellcheck: false })),
    field(page.t("name"), input("name", { maxLength: 200 }), page.t("nameHint")),
    field(page.t("description"), input("description", { maxLength: 500 })),
    make("div", {}, make("button", { className: "primary", textContent: page.t("make") })),
  );

  async function add() {
    const given = new FormData(form);
    await attempt(async () => {
      const made = await page.request("POST", ADDRESS, { username: given.get("username"), name: given.get("name") || null, description: given.get("description") });
      form.reset();
      open.add(made.id);
      await read();
      return page.t("made", { name: made.name });
    });
  }

  /** Does something, and says what became of it; whether it went well. */
  async function attempt(action) {
    fault.textContent = said.textContent = "";
    try {
      said.textContent = (await action()) ?? "";
      return true;
    } catch (error) {
      fault.textContent = page.errorText(error);
      return false;
    }
  }

  async function read(after = null) {
    const mine = (turn += 1);
    again.hidden = true;
    try {
      const found = await page.request("GET", `${ADDRESS}?whose=${whose}${after ? `&after=${encodeURIComponent(after)}` : ""}`);
      if (mine !== turn) return;
      shown = after ? [...shown, ...found.bots] : found.bots;
      next = found.after;
      form.hidden = !found.may_make;
      more.hidden = next === null;
      draw();
    } catch (error) {
      if (mine !== turn) return;
      fault.textContent = page.errorText(error);
      again.hidden = false;
    }
  }

  function draw() {
    const rows = shown.map((bot) => row(page, bot, { isOpen: open.has(bot.id), onToggle: (isOpen) => open[isOpen ? "add" : "delete"](bot.id), attempt, changed: () => read(), left: () => said.focus() }));
    list.replaceChildren(...rows);
    list.hidden = shown.length === 0;
    none.hidden = shown.length > 0;
  }

  function input(name, properties) {
    return make("input", { name, autocomplete: "off", dir: "auto", ...properties });
  }

  const none = make("p", { className: "muted", textContent: page.t("none"), hidden: true });
  element.append(make("p", { className: "muted", textContent: page.t("lead") }), form, fault, said, make("h3", { textContent: page.t(whose) }), none, list, more, again);
  return read();
}
