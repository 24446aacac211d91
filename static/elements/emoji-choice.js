/** All emoji that plugins bring: one dialog to choose from, for messages and reactions, and suggestions of names. */

import { h } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { show } from "./dialogs.js";
import "./later-texts.js";
import { attempt } from "./plugin-place.js";

const SHOWN = 200; // at once; the others are found by their name
const listed = new WeakMap(); // by item of composer.emoji/v1

/** Resolves with the text of the chosen emoji, or "". Faults of plugins are shown near `near`. */
export async function chooseEmoji(places, near) {
  const known = await all(places, near);
  return new Promise((resolve) => {
    const grid = h("div", { class: "emoji-grid" });
    const field = h("input", { type: "search", placeholder: t("emoji.look"), "aria-label": t("emoji.look"), autocomplete: "off", oninput: () => draw(), onkeydown: (event) => takeFirst(event, grid) });
    const close = h("button", { type: "button", class: "quiet", onclick: () => dialog.close() }, t("close"));
    const dialog = h("dialog", { class: "dialog emoji-picker", "aria-label": t("emoji"), "data-testid": "emoji-picker", onclose: () => resolve(dialog.returnValue) }, field, grid, close);
    const choice = (emoji) => h("button", { type: "button", title: `:${emoji.name}:`, "aria-label": emoji.name.replaceAll("_", " "), onclick: () => dialog.close(emoji.text) }, drawn(emoji));
    const draw = () => {
      const wanted = field.value.trim().toLowerCase();
      const found = known.filter(({ name }) => name.includes(wanted)).slice(0, SHOWN);
      grid.replaceChildren(...(found.length ? found.map(choice) : [h("p", { class: "muted" }, t("emoji.none"))]));
    };
    draw();
    show(dialog);
  });
}

/** The emoji whose name, or a word of it, begins with what is typed, as options of a suggestion-list: whole names first. */
export async function suggestedEmoji(places, typed, near) {
  const known = await all(places, near);
  const begins = known.filter(({ name }) => name.startsWith(typed));
  const within = known.filter(({ name }) => !name.startsWith(typed) && name.split(/[_-]/).some((word) => word.startsWith(typed)));
  return [...begins, ...within].map((emoji) => ({ text: emoji.text, label: h("span", {}, drawn(emoji), ` :${emoji.name}:`) }));
}

/** `[{name, text, src?}, …]`, by name. What plugins list comes before a picture of the same name: it is written as it is. */
async function all(places, near) {
  const found = new Map();
  const add = (name, emoji) => found.has(name) || found.set(name, { name, ...emoji });
  for (const item of places.in("composer.emoji/v1")) {
    await attempt(item, async () => listed.has(item) || listed.set(item, await item.list()), near);
    for (const [name, text] of Object.entries(listed.get(item) ?? {})) add(name, { text });
  }
  for (const { pictures } of places.in("message.emoji/v1"))
    for (const [name, src] of Object.entries(pictures)) if (src) add(name, { text: `:${name}:`, src });
  return [...found.values()].sort((one, other) => Number(!one.src) - Number(!other.src) || one.name.localeCompare(other.name));
}

function drawn({ text, src }) {
  return src ? h("img", { class: "emoji-picture", src, alt: "", loading: "lazy" }) : text;
}

function takeFirst(event, grid) {
  const first = grid.querySelector("button");
  if (event.key !== "Enter" || event.isComposing || !first) return;
  event.preventDefault();
  first.click();
}
