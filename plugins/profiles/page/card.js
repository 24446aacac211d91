/** What somebody says about themselves, for others; staff of the server may clear it. */

import { line, make, profileOf } from "./make.js";
import { TEXTS } from "./texts.js";

export async function showCard(page, element, { id }) {
  page.texts(TEXTS);
  const profile = await profileOf(page, id);
  if (profile) element.append(...linesOf(page, profile));
}

export async function showForStaff(page, element, { id }) {
  page.texts(TEXTS);
  const profile = (await profileOf(page, id)) ?? {};
  const said = linesOf(page, { ...profile, username: "" });
  if (!said.length) {
    element.append(make("p", { className: "muted", textContent: page.t("nothing") }));
    return;
  }
  const fault = line("alert");
  const clear = async () => {
    fault.textContent = "";
    try {
      await page.request("DELETE", `/api/v1/users/${encodeURIComponent(id)}/profile`);
      element.replaceChildren(make("p", { className: "muted", textContent: page.t("cleared") }));
    } catch (error) {
      fault.textContent = page.errorText(error);
    }
  };
  element.append(...said, make("button", { type: "button", className: "quiet", textContent: page.t("clear"), onclick: clear, testid: "profile-clear" }), fault);
}

/** What there is, a line each. */
function linesOf(page, { username, pronouns = "", title = "", about = "", time_zone: zone = "" }) {
  const named = [username && `@${username}`, pronouns].filter(Boolean).join(" · ");
  const there = zone && timeIn(page, zone);
  return [
    named && make("p", { className: "muted", dir: "auto", textContent: named, testid: "profile-named" }),
    title && make("p", { dir: "auto", textContent: title, testid: "profile-title" }),
    there && make("p", { className: "muted", textContent: page.t("time", { time: there }), testid: "profile-time" }),
    about && make("p", { className: "message-body", dir: "auto", textContent: about, testid: "profile-about" }),
  ].filter(Boolean);
}

/** The time of day in a zone; empty for one that this browser does not know. */
function timeIn(page, timeZone) {
  try {
    return new Intl.DateTimeFormat(page.locale(), { weekday: "short", hour: "numeric", minute: "2-digit", timeZone }).format();
  } catch {
    return "";
  }
}
