/** Sending later: a menu beside the send button, and the list of one's scheduled messages in the settings. */

import { TEXTS } from "./texts.js";

const ADDRESS = "/api/v1/scheduled";
const times = () => import("./times.js"); // for those who schedule something

export default function begin(page) {
  page.texts(TEXTS);
  const later = (id, time) =>
    page.place("composer.send/v1", { id, label: () => page.t(id), run: async (message) => schedule(page, message, time(await times())) });
  later("hour", ({ inAnHour }) => inAnHour());
  later("morning", ({ tomorrowMorning }) => tomorrowMorning());
  page.place("composer.send/v1", {
    id: "at",
    label: () => page.t("at"),
    run: async (message) => {
      const { askTime, tomorrowMorning } = await times();
      return askTime(page, { title: page.t("at"), at: tomorrowMorning(), save: ({ at }) => schedule(page, message, at) });
    },
  });
  page.place("settings.page/v1", { id: "list", label: () => page.t("list"), mount: (element) => show(page, element) });
}

async function schedule(page, { room, text, reply_to: replyTo, data, sent }, at) {
  if (Object.keys(data).length) throw Object.assign(new Error(page.t("noData")), { code: "scheduled.data" });
  await page.request("POST", ADDRESS, { client_id: freshId(), room, body: text, at: at.toISOString(), reply_to: replyTo });
  sent();
  const { dayText } = await times();
  await page.notify({ title: page.t("done"), body: dayText(page, at) });
}

/** Fills the element with the list; rejects if it cannot be read. */
async function show(page, element) {
  const [{ scheduled }, shown] = await Promise.all([page.request("GET", ADDRESS), times()]);
  const again = () => show(page, element);
  const none = make("p", { className: "muted", textContent: page.t("none") });
  const list = make("ul", { className: "scheduled-list" }, ...scheduled.map((each) => row(page, each, again, shown)));
  element.replaceChildren(scheduled.length ? list : none);
}

function row(page, { client_id: id, room, body, at, error }, again, { askTime, dayText }) {
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

function freshId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
