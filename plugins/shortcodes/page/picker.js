/** A button beside the text that opens a list of emoji, to be looked for by name. */

const FACE = "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM8.5 10v.5M15.5 10v.5M8 14.5c1 1.3 2.400 2 4 2s3-.7 4-2";
const SHOWN = 200; // at once; the others are found by their name

export default function begin(page) {
  page.texts({
    en: { emoji: "Emoji", search: "Look for an emoji", none: "There is none of this name.", close: "Close" },
    ja: { emoji: "絵文字", search: "絵文字を探す", none: "その名前の絵文字はありません。", close: "閉じる" },
  });
  let known = null; // [name, emoji], read once

  page.place("composer.buttons/v1", {
    id: "emoji",
    label: () => page.t("emoji"),
    icon: FACE,
    async run({ insert }) {
      known ??= Object.entries((await page.call("list")).emoji);
      open(page, known, insert);
    },
  });
}

function open(page, known, insert) {
  const dialog = make("dialog", { className: "dialog emoji-picker" });
  dialog.setAttribute("aria-label", page.t("emoji"));
  const field = make("input", { type: "search", placeholder: page.t("search"), autocomplete: "off" });
  field.setAttribute("aria-label", page.t("search"));
  const grid = make("div", { className: "emoji-grid" });
  const close = make("button", { type: "button", className: "quiet", textContent: page.t("close") });

  const draw = () => {
    const wanted = field.value.trim().toLowerCase();
    const found = known.filter(([name]) => name.includes(wanted)).slice(0, SHOWN);
    const none = make("p", { textContent: page.t("none") });
    grid.replaceChildren(...(found.length ? found.map(([name, emoji]) => choice(name, emoji)) : [none]));
  };
  const choose = (emoji) => {
    dialog.close();
    insert(emoji);
  };
  const choice = (name, emoji) => {
    const button = make("button", { type: "button", textContent: emoji, title: `:${name}:` });
    button.setAttribute("aria-label", name.replaceAll("_", " "));
    button.addEventListener("click", () => choose(emoji));
    return button;
  };

  field.addEventListener("input", draw);
  field.addEventListener("keydown", (event) => {
    const first = grid.querySelector("button");
    if (event.key !== "Enter" || event.isComposing || !first) return;
    event.preventDefault();
    first.click();
  });
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  dialog.append(field, grid, close);
  draw();
  document.body.append(dialog);
  dialog.showModal();
}

function make(tag, properties) {
  return Object.assign(document.createElement(tag), properties);
}
