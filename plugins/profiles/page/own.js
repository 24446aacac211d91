/** What one says about oneself, in the settings. */

import { line, make, profileOf } from "./make.js";
import { TEXTS } from "./texts.js";

/** Characters, as the server takes them. */
const MOST = { title: 100, pronouns: 40, about: 1000 };

export async function showOwn(page, element) {
  page.texts(TEXTS);
  const now = (await profileOf(page, page.me().id)) ?? {};
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone ?? "";
  const inputs = Object.fromEntries(
    Object.entries(MOST).map(([name, maxLength]) => {
      const more = name === "about" ? { rows: 3 } : { autocomplete: "off" };
      return [name, make(name === "about" ? "textarea" : "input", { name, maxLength, dir: "auto", value: now[name] ?? "", testid: `profile-own-${name}`, ...more })];
    }),
  );
  const zone = zoneSelect(page, now.time_zone ?? "", here);
  const said = line("status");
  const fault = line("alert");
  const onsubmit = async (event) => {
    event.preventDefault();
    said.textContent = fault.textContent = "";
    try {
      const texts = Object.entries(inputs).map(([name, { value }]) => [name, value]);
      const changed = await page.call("change", { ...Object.fromEntries(texts), time_zone: zone.value });
      for (const [name, input] of Object.entries(inputs)) input.value = changed[name] ?? "";
      said.textContent = page.t("saved");
    } catch (error) {
      fault.textContent = page.errorText(error);
    }
  };
  const field = (name, input) => make("label", { className: "field" }, make("span", { textContent: page.t(name) }), input);
  const fields = Object.entries(inputs).map(([name, input]) => field(name, input));
  const save = make("button", { className: "primary", textContent: page.t("save"), testid: "profile-own-save" });
  element.append(make("form", { className: "stack", onsubmit }, ...fields, field("zone", zone), make("div", {}, save), fault, said));
}

/** All zones that the browser knows, that of this device first; none shows no time. */
function zoneSelect(page, chosen, here) {
  const zones = new Set([here, chosen, ...Intl.supportedValuesOf("timeZone")].filter(Boolean));
  const options = [...zones].map((value) => make("option", { value, textContent: value.replaceAll("_", " ") }));
  const select = make("select", { name: "time_zone", testid: "profile-own-zone" }, make("option", { value: "", textContent: page.t("noZone") }), ...options);
  select.value = chosen;
  return select;
}
