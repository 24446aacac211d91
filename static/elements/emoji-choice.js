/** All emoji that plugins bring: one dialog to choose from, for messages and reactions, and suggestions of names. */

import { h } from "../lib/dom.js";
import { chosenLately, completed, found, groupsOf, noteChosen, recent, setTone, toned, toneOf, TONES } from "../lib/emoji-known.js";
import { currentLanguage, t } from "../lib/i18n.js";
import { show } from "./dialogs.js";
import "./later-texts.js";
import { attempt } from "./plugin-place.js";

const MOST_FOUND = 200; // shown at once
const MOST_SUGGESTED = 30;
const COLUMNS = 7; // of .emoji-group, whose sections are laid out when they come into sight
const ROW_PX = 44;
const HEAD_PX = 32;
const STEPS = { ArrowRight: 1, ArrowLeft: -1 };
const listed = new WeakMap(); // by item of composer.emoji/v1, `{language, list}`

/**
 * Resolves with the text of the chosen emoji, or "". `account` has the reader's preferences; faults of plugins are shown
 * near `near`. Without those of its `own`, the server's, there are only those that are characters.
 */
export async function chooseEmoji(places, account, near, { own = true } = {}) {
  const groups = await known(places, near, own);
  return new Promise((resolve) => {
    let tone = toneOf(account);
    const grid = h("div", { class: "emoji-grid", "data-testid": "emoji-grid", onclick: ({ target }) => choose(target.closest("button")), onkeydown: (event) => step(event, grid) });
    const field = h("input", { type: "search", placeholder: t("emoji.look"), "aria-label": t("emoji.look"), autocomplete: "off", oninput: () => draw(), onkeydown: (event) => takeFirst(event, grid) });
    const tones = h("select", { "aria-label": t("emoji.tone"), title: t("emoji.tone"), "data-testid": "emoji-tone", onchange: () => retone() }, ...TONES.map((each) => h("option", { value: each, selected: each === tone }, `✋${each}`)));
    const jumps = h("div", { class: "emoji-jumps", role: "group", "aria-label": t("emoji.groups") });
    const close = h("button", { type: "button", class: "quiet", onclick: () => dialog.close() }, t("close"));
    const onclose = () => {
      if (dialog.returnValue) noteChosen(account, dialog.returnValue);
      resolve(dialog.returnValue);
    };
    const dialog = h("dialog", { class: "dialog emoji-picker", "aria-label": t("emoji"), "data-testid": "emoji-picker", onclose }, h("div", { class: "emoji-look" }, field, hasTones(groups) && tones), jumps, grid, close);
    const choice = (emoji) => h("button", { type: "button", tabindex: "-1", title: `:${emoji.name}:`, "aria-label": emoji.words || emoji.names.at(-1).replaceAll("_", " "), "data-text": toned(emoji, tone) }, emoji.src ? picture(emoji.src) : toned(emoji, tone));
    const choose = (button) => button && dialog.close(button.dataset.text);
    const section = ({ label, emoji }) => {
      const node = h("section", { "aria-label": label }, h("h3", {}, label), h("div", { class: "emoji-group" }, ...emoji.map(choice)));
      node.style.containIntrinsicHeight = `${HEAD_PX + Math.ceil(emoji.length / COLUMNS) * ROW_PX}px`;
      return node;
    };
    const draw = () => {
      const isSearch = field.value.trim() !== "";
      const shown = isSearch ? found(groups, field.value).slice(0, MOST_FOUND) : null;
      const lately = isSearch ? [] : chosenLately(groups, recent(account));
      const sections = [...(lately.length ? [{ label: t("emoji.recent"), emoji: lately }] : []), ...groups];
      if (shown) grid.replaceChildren(shown.length ? h("div", { class: "emoji-group" }, ...shown.map(choice)) : h("p", { class: "muted" }, t("emoji.none")));
      else grid.replaceChildren(...sections.map(section));
      jumps.hidden = isSearch || sections.length < 2;
      jumps.replaceChildren(...sections.map((each, place) => jump(each, () => grid.children[place])));
      const first = grid.querySelector("button");
      if (first) first.tabIndex = 0;
    };
    const retone = () => {
      tone = tones.value;
      setTone(account, tone);
      draw();
    };
    draw();
    show(dialog);
  });
}

/** The emoji whose name, or a word of it, begins with what is typed, as options of a suggestion-list: whole names first. */
export async function suggestedEmoji(places, account, typed, near) {
  const tone = toneOf(account);
  return completed(await known(places, near, true), typed)
    .slice(0, MOST_SUGGESTED)
    .map(({ emoji, name }) => ({ text: toned(emoji, tone), label: h("span", {}, emoji.src ? picture(emoji.src) : toned(emoji, tone), ` :${name}:`) }));
}

/** What there is, as in lib/emoji-known.js. */
async function known(places, near, own) {
  const language = currentLanguage();
  const lists = [];
  for (const item of places.in("composer.emoji/v1")) {
    await attempt(item, async () => listed.get(item)?.language === language || listed.set(item, { language, list: await item.list() }), near);
    lists.push(listed.get(item)?.list);
  }
  const pictures = own ? places.in("message.emoji/v1").map((item) => item.pictures) : [];
  return groupsOf(lists, pictures, t("emoji.own"));
}

/** A button that leads to a group. */
function jump({ label, emoji: [first] }, target) {
  const shown = label === t("emoji.recent") ? "🕘" : first.src ? picture(first.src) : first.text;
  const onclick = () => {
    target().scrollIntoView({ block: "start" });
    target().querySelector("button").focus({ preventScroll: true });
  };
  return h("button", { type: "button", title: label, "aria-label": label, onclick }, shown);
}

function hasTones(groups) {
  return groups.some(({ emoji }) => emoji.some((each) => each.hasTones));
}

function picture(src) {
  return h("img", { class: "emoji-picture", src, alt: "", loading: "lazy" });
}

/** Arrow keys lead through the emoji, of which one can be reached by Tab. */
function step(event, grid) {
  const buttons = [...grid.querySelectorAll("button")];
  const at = buttons.indexOf(document.activeElement);
  if (at < 0) return;
  const isRtl = getComputedStyle(grid).direction === "rtl";
  const sideways = STEPS[event.key] && (isRtl ? -STEPS[event.key] : STEPS[event.key]);
  const next = sideways ? buttons[at + sideways] : upOrDown(event.key, buttons, at);
  if (!next) return;
  event.preventDefault();
  buttons[at].tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
}

/** The nearest button in the next row, above or below. */
function upOrDown(key, buttons, at) {
  if (key !== "ArrowUp" && key !== "ArrowDown") return null;
  const { left, top } = buttons[at].getBoundingClientRect();
  const rest = key === "ArrowDown" ? buttons.slice(at + 1) : buttons.slice(0, at).reverse();
  const isFurther = (button) => Math.abs(button.getBoundingClientRect().top - top) > 1;
  const first = rest.findIndex(isFurther);
  if (first < 0) return null;
  const row = rest[first].getBoundingClientRect().top;
  const beside = rest.slice(first, first + 30).filter((button) => Math.abs(button.getBoundingClientRect().top - row) <= 1);
  const away = (button) => Math.abs(button.getBoundingClientRect().left - left);
  return beside.reduce((best, button) => (away(button) < away(best) ? button : best));
}

function takeFirst(event, grid) {
  const first = grid.querySelector("button");
  if (!first) return;
  if (event.key === "ArrowDown") first.focus();
  else if (event.key === "Enter" && !event.isComposing) first.click();
  else return;
  event.preventDefault();
}
