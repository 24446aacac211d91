/** The private rooms that one can ask to be let into, below the public ones. */

import { make, styled } from "./make.js";

/** Fills the element with the rooms, page by page; returns what ends it. */
export async function show(page, element) {
  styled();
  const fault = make("p", { className: "failed", role: "alert" });
  const list = make("ul", { className: "rows join-requests", testid: "joinable-rooms" });
  const more = make("button", { type: "button", className: "quiet", textContent: page.t("more"), hidden: true, onclick: () => void attempt(load) });
  let after = "";
  let asked = 0; // an answer to anything but the last question comes too late

  async function attempt(action) {
    fault.textContent = "";
    try {
      await action();
    } catch (refusal) {
      fault.textContent = page.errorText(refusal);
    }
  }

  async function load() {
    const found = await page.call("rooms", { after });
    list.append(...found.rooms.map((room) => row(page, room, attempt)));
    after = found.after ?? "";
    more.hidden = !after;
  }

  /** Takes those away that the reader has come into meanwhile, of the rooms that are shown. */
  async function follow() {
    const question = ++asked;
    const joinable = new Set();
    const last = after;
    let place = "";
    do {
      const found = await page.call("rooms", { after: place });
      for (const { id } of found.rooms) joinable.add(id);
      place = found.after ?? "";
    } while (place && place !== last);
    if (question !== asked || last !== after) return;
    for (const item of [...list.children]) if (!joinable.has(item.dataset.room)) item.remove();
    none.hidden = list.children.length > 0 || !more.hidden;
  }

  await load();
  const none = make("p", { className: "muted", textContent: page.t("noRooms"), hidden: list.children.length > 0 || !more.hidden });
  element.replaceChildren(list, none, fault, more);
  return page.hear("changed", () => void follow().catch(() => {})); // asked again with the next change
}

function row(page, room, attempt) {
  const item = make("li", { className: "directory-row", testid: "joinable-room" });
  item.dataset.room = room.id;
  draw();
  return item;

  function draw() {
    const about = [room.topic, page.t("members", { count: new Intl.NumberFormat(page.locale()).format(room.member_count) })].filter(Boolean).join(" · ");
    const names = make("span", { className: "person-name" }, make("span", { dir: "auto", textContent: room.name }), make("small", { className: "muted", dir: "auto", textContent: about }));
    item.replaceChildren(names, ...(room.asked_at ? asked() : toAsk()));
  }

  function asked() {
    const said = make("small", { className: "muted", textContent: page.t("asked"), testid: "join-asked" });
    return [said, button(page.t("withdraw"), page.t("withdrawName", { name: room.name }), "join-withdraw", withdraw)];
  }

  function toAsk() {
    return [button(page.t("ask"), page.t("askName", { name: room.name }), "join-ask", form)];
  }

  /** In place of the button: a note to those who run the room. */
  function form() {
    const note = make("input", { maxLength: 200, dir: "auto", autocomplete: "off", placeholder: page.t("note"), testid: "join-note" });
    note.setAttribute("aria-label", page.t("note"));
    const send = make("button", { className: "primary", textContent: page.t("ask"), testid: "join-send" });
    const onsubmit = (event) => {
      event.preventDefault();
      void change(async () => (room = (await page.call("ask", { room: room.id, note: note.value.trim() })).room));
    };
    item.lastElementChild.replaceWith(make("form", { className: "join-form", onsubmit }, note, send));
    note.focus();
  }

  function withdraw() {
    return change(async () => {
      await page.call("withdraw", { room: room.id });
      room = { ...room, asked_at: undefined };
    });
  }

  async function change(action) {
    await attempt(async () => {
      await action();
      draw();
      item.querySelector("button").focus();
    });
  }
}

function button(textContent, label, testid, onclick) {
  const made = make("button", { type: "button", className: "quiet", textContent, testid, onclick: () => void onclick() });
  made.setAttribute("aria-label", label);
  return made;
}
