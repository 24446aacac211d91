/** When the reader gets mails about messages, and to which address. */

import { TEXTS } from "./texts.js";

const KEY = "page.notify.mail";
const MINUTES = [5, 15, 30, 60];
const MORNING = "08:00";

/** Fills the element; returns what ends it. */
export function show(page, element) {
  page.texts(TEXTS);
  const address = make("p", { className: "muted" });
  const account = make("a", { href: "#settings=security", textContent: page.t("account") });
  const refused = make("p", { className: "muted", textContent: page.t("refused") });
  const again = make("button", { type: "button", className: "quiet", textContent: page.t("again") });
  const choice = make("select", {}, ...choices(page));
  const time = make("input", { type: "time", required: true });
  const when = labelled(page.t("when"), choice);
  const daily = labelled(page.t("at"), time);
  const status = make("p", { className: "muted" });
  status.setAttribute("role", "status");
  refused.setAttribute("role", "alert");
  Object.assign(choice.dataset, { testid: "mail-when" });
  Object.assign(time.dataset, { testid: "mail-at" });
  Object.assign(again.dataset, { testid: "mail-again" });
  element.append(make("p", { className: "muted", textContent: page.t("lead") }), address, account, refused, again, when, daily, status);

  /** @param {{email: string | null, refused: boolean, when: string}} state */
  function draw(state) {
    const [mode, given] = state.when.split(" ");
    address.textContent = state.email === null ? page.t("none") : page.t("to", { email: state.email });
    account.hidden = state.email !== null && !state.refused;
    refused.hidden = again.hidden = !state.refused;
    when.hidden = state.email === null;
    const chosen = mode === "immediate" ? `immediate ${given}` : mode;
    if (![...choice.options].some(({ value }) => value === chosen)) choice.append(minutes(page, Number(given)));
    choice.value = chosen;
    time.value = mode === "daily" ? given : MORNING;
    daily.hidden = state.email === null || mode !== "daily";
  }

  async function load() {
    draw(await page.request("GET", "/api/v1/mail-notifications"));
  }

  /** Does something, and shows how things stand then. */
  async function act(run) {
    status.textContent = await run().then(
      () => page.t("saved"),
      (error) => page.errorText(error),
    );
    await load().catch(() => {});
  }

  function save() {
    if (choice.value === "daily" && !time.value) return;
    const said = choice.value === "daily" ? `daily ${time.value}` : choice.value;
    const text = said === "off" ? said : `${said} ${zone()}`;
    void act(() => page.request("PATCH", "/api/v1/me/preferences", { values: { [KEY]: text } }));
  }

  choice.onchange = save;
  time.onchange = save;
  again.onclick = () => void act(() => page.request("POST", "/api/v1/mail-notifications/retry"));
  const end = page.hear("changed", ({ missed }) => (missed ? undefined : load().catch(() => {})));
  return load().then(() => end);
}

function choices(page) {
  const digests = ["hourly", "daily"].map((value) => make("option", { value, textContent: page.t(value) }));
  return [...MINUTES.map((count) => minutes(page, count)), ...digests, make("option", { value: "off", textContent: page.t("off") })];
}

function minutes(page, count) {
  return make("option", { value: `immediate ${count}`, textContent: page.t("immediate", { minutes: new Intl.NumberFormat(page.locale()).format(count) }) });
}

function zone() {
  return Intl.DateTimeFormat().resolvedOptions().timeZone ?? "UTC";
}

function labelled(text, field) {
  return make("label", { className: "field" }, make("span", { textContent: text }), field);
}

function make(tag, properties, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}
