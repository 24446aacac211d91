/** The list of one's scheduled messages, each with its time, to change or to cancel. */

import { TEXTS } from "./texts.js";
import { askTime, dayText } from "./times.js";

const ADDRESS = "/api/v1/scheduled";

/** Fills the element with the list; rejects if it cannot be read. */
export async function show(page, element) {
  page.texts(TEXTS);
  const { scheduled } = await page.request("GET", ADDRESS);
  const again = () => show(page, element);
  const none = make("p", { className: "muted", textContent: page.t("none") });
  const list = make("ul", { className: "scheduled-list" }, ...scheduled.map((each) => row(page, each, again)));
  element.replaceChildren(scheduled.length ? list : none);
}

function row(page, { client_id: id, room, body, at, error }, again) {
  const fault = make("p", { className: "failed" });
  fault.setAttribute("role", "alert");
  if (error) fault.textContent = page.t("failed", { reason: page.errorText({ code: error.code, message: error.text }) });
  const attempt = async (action) => {
    try {
      await action();
      await again();
    } catch (refusal) {
      fault.textContent = page.errorText(refusal);
    }
  };
  const address = `${ADDRESS}?${new URLSearchParams({ client_id: id })}`;
  const change = () => askTime(page, { title: page.t("change"), at: new Date(at), body, save: (given) => page.request("PATCH", address, { body: given.body, at: given.at.toISOString() }) });
  const head = make("small", { className: "muted", textContent: [dayText(page, new Date(at)), page.room(room)?.name].filter(Boolean).join(" · ") });
  const text = make("p", { textContent: body, dir: "auto" });
  const buttons = make(
    "div",
    { className: "scheduled-buttons" },
    button(page.t("change"), () => void change().then((done) => done && attempt(() => {}))),
    button(page.t("cancel"), () => void attempt(() => page.request("DELETE", address))),
  );
  return make("li", {}, head, text, fault, buttons);
}

function button(textContent, onclick) {
  return make("button", { type: "button", className: "quiet", textContent, onclick });
}

function make(tag, properties, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}
