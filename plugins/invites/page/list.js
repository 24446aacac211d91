/** A form that makes an invitation, its link, and the list of all invitations. */

import { TEXTS } from "./texts.js";

const ADDRESS = "/api/v1/invites";

let sheet = null;

export function show(page, element) {
  page.texts(TEXTS);
  if (!sheet) {
    sheet = make("link", { rel: "stylesheet", href: new URL("./invites.css", import.meta.url).href });
    document.head.append(sheet);
  }
  const made = make("div", { className: "invites-made", role: "status" });
  const fault = make("p", { className: "failed", role: "alert" });
  const rooms = make("fieldset", { className: "invites-rooms", hidden: true }, make("legend", { textContent: page.t("rooms") }));
  const list = make("ul", { className: "invites-list" });
  const state = make("p", { className: "muted", role: "status" });
  let isBusy = false; // while an invitation is being made
  const again = make("button", { type: "button", className: "quiet", textContent: page.t("again"), hidden: true, onclick: () => void draw() });
  const form = make(
    "form",
    { className: "invites-form", onsubmit: (event) => void invite(event) },
    number(page.t("uses"), { name: "uses", min: 1, max: 1000, value: 1 }),
    number(page.t("days"), { name: "days", min: 1, max: 365, value: 7 }),
    rooms,
    make("div", {}, make("button", { className: "primary", textContent: page.t("make"), onclick: unlessRepeated })),
  );

  async function invite(event) {
    event.preventDefault();
    if (isBusy) return;
    isBusy = true;
    const data = new FormData(form);
    const wanted = { uses: Number(data.get("uses")), days: Number(data.get("days")), rooms: data.getAll("rooms") };
    await attempt(async () => {
      const { link, expires } = await page.request("POST", ADDRESS, wanted);
      made.replaceChildren(...shown(page, new URL(link, location.href).href, expires));
      await draw();
    });
    isBusy = false;
  }

  async function attempt(action) {
    fault.textContent = "";
    try {
      await action();
    } catch (error) {
      fault.textContent = page.errorText(error);
    }
  }

  async function draw() {
    again.hidden = true;
    state.textContent = page.t("loading");
    try {
      const { invites } = await page.request("GET", ADDRESS);
      const remove = (id) => void attempt(async () => {
        await page.request("DELETE", `${ADDRESS}/${encodeURIComponent(id)}`);
        await draw();
      });
      list.replaceChildren(...invites.sort((a, b) => b.made.localeCompare(a.made)).map((each) => row(page, each, remove)));
      state.textContent = invites.length ? "" : page.t("none");
    } catch (error) {
      state.textContent = page.errorText(error);
      again.hidden = false;
    }
  }

  /** The reader's rooms, in which those who come may be at once. Without them invitations work as well. */
  async function offerRooms() {
    const { rooms: found } = await page.request("GET", "/api/v1/rooms?limit=100");
    const own = found.filter(({ joined = true, kind }) => joined && kind !== "direct");
    rooms.append(...own.map(({ id, name }) => make("label", { className: "check" }, make("input", { type: "checkbox", name: "rooms", value: id }), make("span", { textContent: name, dir: "auto" }))));
    rooms.hidden = own.length === 0;
  }

  element.append(make("p", { className: "muted", textContent: page.t("lead") }), form, fault, made, make("h3", { textContent: page.t("list") }), list, state, again);
  offerRooms().catch(() => {});
  return void draw();
}

/** The second click of a double click makes no second invitation, however soon the first one was there. */
function unlessRepeated(event) {
  if (event.detail > 1) event.preventDefault();
}

function shown(page, link, expires) {
  const input = make("input", { value: link, readOnly: true, dir: "ltr", ariaLabel: page.t("link"), onfocus: () => input.select() });
  const said = make("small", { className: "muted", textContent: page.t("until", { time: timeText(page, expires) }) });
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(link);
      said.textContent = page.t("copied");
    } catch {
      input.focus(); // where the browser has no clipboard, the text is selected
    }
  };
  return [input, make("button", { type: "button", className: "quiet", textContent: page.t("copy"), onclick: () => void copy() }), said];
}

function row(page, { id, by, expires, left, rooms }, remove) {
  const about = [
    page.t(left > 1 ? "left" : left ? "left.one" : "used", { left }),
    page.t("until", { time: timeText(page, expires) }),
    by === page.me().id && page.t("yours"),
    rooms.length && page.t("in", { rooms: rooms.map((room) => page.room(room)?.name || room).join(", ") }),
  ];
  const text = make("span", { className: "invites-text", textContent: about.filter(Boolean).join(" · "), dir: "auto" });
  const button = make("button", { type: "button", className: "quiet", textContent: page.t("remove"), ariaLabel: `${page.t("remove")}: ${text.textContent}`, onclick: () => remove(id) });
  return make("li", {}, text, button);
}

function timeText(page, at) {
  return new Intl.DateTimeFormat(page.locale(), { dateStyle: "medium", timeStyle: "short" }).format(new Date(at));
}

function number(label, properties) {
  return make("label", { className: "field" }, make("span", { textContent: label }), make("input", { type: "number", required: true, ...properties }));
}

function make(tag, properties, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}
