/** A form that adds an emoji, and the list of all. */

import { fitting } from "./fitting.js";
import { make, opened, styled } from "./make.js";
import { TEXTS } from "./texts.js";

const ADDRESS = "/api/v1/emoji";
const NAME = "[a-z0-9_\\-]{2,30}";

export function show(page, element) {
  page.texts(TEXTS);
  styled();
  let known = [];
  let largest = 0;
  let asked = 0;
  let suggested = "";
  const fault = make("p", { className: "emoji-fault", role: "alert" });
  const said = make("p", { className: "muted", role: "status" });
  const sizes = make("small", { className: "muted" });
  const name = make("input", { name: "name", required: true, pattern: NAME, title: page.t("nameHint"), maxLength: 30, autocomplete: "off", autocapitalize: "off", spellcheck: false, dir: "ltr" });
  const file = make("input", { name: "picture", type: "file", required: true, accept: "image/png,image/gif,image/webp,image/jpeg", onchange: suggest });
  const submit = make("button", { className: "primary", textContent: page.t("add") });
  const form = make(
    "form",
    { className: "emoji-form", hidden: true, onsubmit: (event) => void add(event) }, // until it is known how large one may be
    field(page.t("picture"), file, sizes),
    field(page.t("name"), name, make("small", { className: "muted", textContent: page.t("nameHint") })),
    fault,
    make("div", {}, submit),
  );
  const filter = make("input", { className: "emoji-filter", type: "search", placeholder: page.t("filter"), ariaLabel: page.t("filter"), autocomplete: "off", dir: "ltr", oninput: draw });
  const list = make("ul", { className: "emoji-list" });
  const state = make("p", { className: "muted", role: "status", tabIndex: -1 });
  const again = make("button", { type: "button", className: "quiet", textContent: page.t("again"), hidden: true, onclick: () => void read() });

  /** The name of a file is often that of the emoji. One that was typed stays when another file is chosen. */
  function suggest() {
    const [chosen] = file.files;
    if (chosen && (!name.value || name.value === suggested)) name.value = suggested = chosen.name.replace(/\.\w+$/, "").toLowerCase().replace(/[^a-z0-9_-]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 30);
  }

  async function add(event) {
    event.preventDefault();
    submit.disabled = true;
    fault.textContent = said.textContent = "";
    try {
      const picture = await fitting(file.files[0], largest);
      if (picture === null) throw new TooLarge();
      const added = await page.request("POST", ADDRESS, { name: name.value, picture });
      form.reset();
      await read();
      said.textContent = page.t("added", added);
    } catch (refusal) {
      fault.textContent = refusal instanceof TooLarge ? page.t("large") : page.errorText(refusal);
    }
    submit.disabled = false;
    if (document.activeElement === document.body) submit.focus(); // which a disabled button loses
  }

  async function read() {
    const mine = (asked += 1);
    again.hidden = true;
    if (!known.length) state.textContent = page.t("loading");
    try {
      const found = await page.request("GET", ADDRESS);
      if (mine !== asked) return; // it has changed once more
      known = found.emoji;
      largest = found.largest_bytes;
      form.hidden = !found.may_add;
      sizes.textContent = page.t("pictureHint", { size: Math.floor(largest / 1024) });
      draw();
    } catch (error) {
      if (mine !== asked) return;
      state.textContent = page.errorText(error);
      again.hidden = false;
    }
  }

  function draw() {
    const wanted = filter.value.trim().toLowerCase();
    const found = known.filter((each) => each.name.includes(wanted));
    list.replaceChildren(...found.map((each) => row(page, each, () => remove(each))));
    filter.hidden = known.length === 0;
    state.textContent = found.length ? page.t("count", { count: found.length }) : page.t(known.length ? "noneFound" : "none");
  }

  async function remove(emoji) {
    fault.textContent = said.textContent = "";
    if (!(await confirmed(page, emoji))) return;
    try {
      await page.request("DELETE", `${ADDRESS}/${encodeURIComponent(emoji.name)}`);
      said.textContent = page.t("removed", emoji);
    } catch (refusal) {
      fault.textContent = page.errorText(refusal);
    }
    await read();
    state.focus();
  }

  const end = page.hear("changed", () => void read());
  element.append(make("p", { className: "muted", textContent: page.t("lead", { name: "party" }) }), form, said, make("h3", { textContent: page.t("list") }), filter, state, list, again);
  void read();
  return end;
}

class TooLarge extends Error {}

function row(page, { name, url, by, at }, remove) {
  const time = new Intl.DateTimeFormat(page.locale(), { dateStyle: "medium" }).format(new Date(at));
  const picture = make("img", { className: "emoji-shown", src: url, alt: "", loading: "lazy" });
  const about = make("small", { className: "muted", textContent: page.t("by", { user: by.name, time }), dir: "auto" });
  const mayRemove = by.id === page.me().id || ["owner", "admin"].includes(page.me().role);
  const button = make("button", { type: "button", className: "quiet", textContent: page.t("remove"), ariaLabel: `${page.t("remove")}: ${name}`, onclick: () => void remove() });
  return make("li", {}, picture, make("div", { className: "emoji-about" }, make("strong", { textContent: `:${name}:`, dir: "ltr" }), about), ...(mayRemove ? [button] : []));
}

/** Whether the emoji is to be removed. */
async function confirmed(page, { name }) {
  const title = make("h2", { id: "emoji-remove", textContent: page.t("removeTitle", { name }) });
  const dialog = make("dialog", { className: "dialog emoji-question" });
  dialog.setAttribute("aria-labelledby", title.id);
  const close = make("button", { type: "button", className: "quiet", textContent: page.t("cancel"), onclick: () => dialog.close() });
  const remove = make("button", { type: "button", className: "primary danger", textContent: page.t("remove"), onclick: () => dialog.close("remove") });
  dialog.append(title, make("p", { className: "muted", textContent: page.t("removeLead") }), make("div", { className: "dialog-buttons" }, close, remove));
  await opened(dialog);
  return dialog.returnValue === "remove";
}

function field(label, input, hint) {
  return make("label", { className: "field" }, make("span", { textContent: label }), input, hint);
}
