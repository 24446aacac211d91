/** Requests to join, for those who run a room: of one room, with the choice whether it takes any, or of all. */

import { make, styled } from "./make.js";

/** Fills the element with the requests of a room (id); returns what ends it. */
export async function showRoom(page, element, room) {
  styled();
  const open = make("input", { type: "checkbox", testid: "join-open" });
  const choice = make("label", { className: "check" }, open, make("span", { textContent: page.t("open") }));
  const lead = make("p", { className: "muted", textContent: page.t("openLead") });
  const list = requests(page, async () => {
    const found = await page.call("list", { room });
    open.checked = found.open;
    return found.requests;
  });
  open.addEventListener("change", () => void list.attempt(() => page.call("open", { room, open: open.checked }).catch((refusal) => ((open.checked = !open.checked), Promise.reject(refusal)))));
  try {
    await list.draw();
  } catch (refusal) {
    if (refusal.code === "room.not_found") return undefined; // deleted in this moment: its settings are about to close
    throw refusal;
  }
  element.replaceChildren(choice, lead, ...list.nodes);
  return page.hear("changed", ({ missed, payload }) => (missed || payload.room === room) && list.again());
}

/** Fills the element with the requests of all rooms that the reader runs; returns what ends it. */
export async function showAll(page, element) {
  styled();
  const list = requests(page, async () => (await page.call("all")).requests, true);
  await list.draw();
  element.replaceChildren(...list.nodes);
  return page.hear("changed", () => list.again());
}

function requests(page, load, withRooms = false) {
  const fault = make("p", { className: "failed", role: "alert", testid: "join-fault" });
  const rows = make("ul", { className: "rows join-requests", testid: "join-requests" });
  const none = make("p", { className: "muted", textContent: page.t("none"), tabIndex: -1 });
  let asked = 0; // an answer to anything but the last question comes too late

  async function draw() {
    const question = ++asked;
    const found = await load();
    if (question !== asked) return;
    const hadFocus = rows.contains(document.activeElement);
    rows.replaceChildren(...found.map((each) => row(page, each, withRooms, answer)));
    none.hidden = found.length > 0;
    if (hadFocus) (rows.querySelector("button") ?? none).focus();
  }

  async function attempt(action) {
    fault.textContent = "";
    try {
      await action();
    } catch (refusal) {
      fault.textContent = page.errorText(refusal);
    }
  }

  const answer = (request, accept) => attempt(async () => {
    await page.call("answer", { room: request.room, user: request.user.id, accept });
    await draw();
  });
  return { nodes: [rows, none, fault], draw, attempt, again: () => void attempt(draw) };
}

function row(page, request, withRoom, answer) {
  const { user, note, at, room_name: room } = request;
  const time = new Intl.DateTimeFormat(page.locale(), { dateStyle: "medium" }).format(new Date(at));
  const facts = [`@${user.username}`, withRoom && room, time].filter(Boolean).join(" · ");
  const who = make("span", { className: "person-name" }, make("strong", { dir: "auto", textContent: user.name }), make("small", { className: "muted", dir: "auto", textContent: facts }));
  if (note) who.append(make("span", { dir: "auto", textContent: note, testid: "join-note-said" }));
  const choose = (text, label, testid, accept) => {
    const made = make("button", { type: "button", className: accept ? "primary" : "quiet", textContent: page.t(text), testid, onclick: () => void answer(request, accept) });
    made.setAttribute("aria-label", page.t(label, { name: user.name }));
    return made;
  };
  return make("li", { className: "directory-row", testid: "join-request" }, who, choose("accept", "acceptName", "join-accept", true), choose("refuse", "refuseName", "join-refuse", false));
}
