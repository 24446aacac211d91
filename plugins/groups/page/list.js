/** A form that makes a group, and the list of all. */

import { row } from "./group.js";
import { button, field, make, once, styled } from "./make.js";
import { TEXTS } from "./texts.js";

const ADDRESS = "/api/v1/groups";

export function show(page, element) {
  page.texts(TEXTS);
  styled();
  let shown = [];
  let turn = 0; // the last look counts, whichever ends last
  let drawn = ""; // what the list was made of
  const open = new Set(); // names of groups whose members are shown
  const fault = make("p", { className: "groups-fault", role: "alert" });
  const said = make("p", { className: "muted", role: "status", tabIndex: -1 });
  const list = make("ul", { className: "groups-list" });
  const none = make("p", { className: "muted", textContent: page.t("none"), hidden: true });
  const again = button(page.t("again"), () => read(), { hidden: true });
  const form = make(
    "form",
    { className: "groups-form", hidden: true, onsubmit: once(add) },
    field(page.t("name"), make("input", { name: "name", required: true, maxLength: 32, autocomplete: "off", autocapitalize: "off", spellcheck: false, dir: "auto" }), page.t("nameHint")),
    field(page.t("title"), make("input", { name: "title", maxLength: 100, autocomplete: "off", dir: "auto" })),
    make("div", {}, make("button", { className: "primary", textContent: page.t("make") })),
  );

  async function add() {
    const given = new FormData(form);
    await attempt(async () => {
      const made = await page.request("POST", ADDRESS, { name: String(given.get("name")).replace(/^@/, ""), title: given.get("title") });
      form.reset();
      open.add(made.name);
      await read();
      return page.t("made", made);
    });
  }

  /** Does something, and says what became of it. */
  async function attempt(action) {
    fault.textContent = said.textContent = "";
    try {
      said.textContent = (await action()) ?? "";
    } catch (error) {
      fault.textContent = page.errorText(error);
    }
  }

  async function read() {
    const mine = (turn += 1);
    again.hidden = true;
    try {
      const found = await page.request("GET", ADDRESS);
      if (mine !== turn) return;
      shown = found.groups;
      form.hidden = !found.may_make;
      await draw(mine);
    } catch (error) {
      if (mine !== turn) return;
      fault.textContent = page.errorText(error);
      again.hidden = false;
    }
  }

  /** Groups that are open are shown with their members, which are asked for first, so that nothing moves twice. */
  async function draw(mine) {
    const full = new Map();
    for (const { name } of shown) if (open.has(name)) full.set(name, await page.request("GET", `${ADDRESS}/${encodeURIComponent(name)}`).catch(() => null));
    if (mine !== turn) return;
    const groups = shown.map((group) => full.get(group.name) ?? group);
    const made = JSON.stringify([groups, [...open]]);
    if (made === drawn) return; // what one has changed is told to oneself, too
    drawn = made;
    keeping(list, () => list.replaceChildren(...groups.map(item)));
    list.hidden = shown.length === 0;
    none.hidden = shown.length > 0;
  }

  function item(group) {
    const { name, members } = group;
    const onToggle = (isOpen) => {
      open[isOpen ? "add" : "delete"](name);
      if (isOpen && !members) void read();
    };
    return row(page, group, { address: `${ADDRESS}/${encodeURIComponent(name)}`, isOpen: open.has(name), onToggle, attempt, changed: read, left: () => said.focus() });
  }

  const end = page.hear("changed", () => void read());
  element.append(make("p", { className: "muted", textContent: page.t("lead", { name: "designers" }) }), form, fault, said, make("h3", { textContent: page.t("all") }), none, list, again);
  void read();
  return end;
}

/** Draws a list anew: what is being typed there stays, and so does the focus, by the names that fields bear (`data-kept`). */
function keeping(list, draw) {
  const focused = list.contains(document.activeElement) ? document.activeElement.dataset.kept : null;
  const typed = [...list.querySelectorAll("input[data-kept]")].filter(({ value, defaultValue }) => value !== defaultValue);
  draw();
  const named = (kept) => [...list.querySelectorAll("[data-kept]")].find((node) => node.dataset.kept === kept);
  for (const { value, dataset } of typed) Object.assign(named(dataset.kept) ?? {}, { value });
  if (focused) named(focused)?.focus();
}
