/** A switch for this device, and all devices of the reader to which notices are pushed. */

import { chooseTexts, isOwn, ownId, support, switchOff, switchOn } from "./device.js";
import { TEXTS } from "./texts.js";

const sheet = Object.assign(document.createElement("link"), { rel: "stylesheet", href: new URL("./push.css", import.meta.url).href });
document.head.append(sheet);

/** Fills the element; returns what ends it. */
export function show(page, element) {
  page.texts(TEXTS);
  const own = checkbox(page.t("here"), "push-here");
  const texts = checkbox(page.t("texts"), "push-texts");
  const hint = make("p", { className: "muted" });
  hint.setAttribute("role", "status");
  const list = make("ul", { className: "push-devices" });
  list.setAttribute("aria-label", page.t("devices"));
  element.append(make("p", { className: "muted", textContent: page.t("lead") }), own.label, texts.label, hint, list);
  let turn = 0; // the last look counts, whichever ends last

  async function draw(said = "") {
    const mine = ++turn;
    const { key, devices } = await page.request("GET", "/api/v1/push"); // before the connection is there, too
    const isOn = await isOwn(devices);
    const id = await ownId();
    if (mine !== turn) return;
    const state = support();
    own.box.checked = isOn;
    own.box.disabled = state !== "there";
    own.box.onchange = () => act(() => (own.box.checked ? turnOn(key) : switchOff(page)));
    texts.label.hidden = !isOn;
    texts.box.checked = devices.find((each) => each.id === id)?.texts ?? true;
    texts.box.onchange = () => act(() => chooseTexts(page, texts.box.checked));
    hint.textContent = said || (state === "there" ? "" : page.t(state));
    list.replaceChildren(...(await Promise.all(devices.map((device) => row(device, isOn && device.id === id)))));
  }

  async function turnOn(key) {
    if (!(await switchOn(page, key, true))) return page.t(support() === "denied" ? "denied" : "asked");
    return "";
  }

  /** Does something and shows how things stand then. */
  async function act(run) {
    own.box.disabled = true;
    const said = await run().catch((error) => (error.code ? page.errorText(error) : page.t("failed")));
    await draw(said).catch(() => {});
  }

  async function row({ id, name, created }, isThis) {
    const { program, system } = await page.describeAgent(name);
    const shown = program && system ? page.t("browser", { program, system }) : program || system || page.t("unknown");
    const since = new Intl.DateTimeFormat(page.locale(), { dateStyle: "medium" }).format(new Date(created));
    const text = make("span", { textContent: shown, dir: "auto" });
    const note = make("span", { className: "muted", textContent: isThis ? page.t("this") : page.t("since", { since }) });
    const remove = make("button", { type: "button", className: "quiet", textContent: page.t("remove") });
    remove.setAttribute("aria-label", page.t("removeOf", { name: shown }));
    remove.onclick = () => act(() => (isThis ? switchOff(page) : page.request("DELETE", `/api/v1/push/devices/${id}`)));
    return make("li", {}, text, note, remove);
  }

  const end = page.hear("changed", ({ missed }) => (missed ? undefined : draw().catch(() => {})));
  return draw().then(() => end);
}

function checkbox(text, testid) {
  const box = make("input", { type: "checkbox" });
  box.dataset.testid = testid;
  return { box, label: make("label", { className: "check" }, box, make("span", { textContent: text })) };
}

function make(tag, properties, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}
