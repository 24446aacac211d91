/** Do not disturb: for some time from now on, and at hours of the week, on all devices of the reader. */

import { h } from "../../lib/dom.js";
import { locale, t } from "../../lib/i18n.js";
import { DAYS, SCHEDULE, scheduleOf, scheduleText, UNTIL, untilOf } from "../../lib/wishes.js";

const MINUTE_MS = 60_000;
const BREAKS = { "quiet.half": 30, "quiet.hour": 60, "quiet.four": 240 }; // minutes
const USUAL = { days: DAYS, from: "22:00", to: "07:00" };
const A_MONDAY = Date.UTC(2024, 0, 1);

export function quietHours(account) {
  const state = h("p", { class: "muted", role: "status", "data-testid": "quiet-until" });
  const pauses = Object.entries(BREAKS).map(([key, minutes]) =>
    h("button", { type: "button", class: "quiet", "data-testid": key, onclick: () => pause(new Date(Date.now() + minutes * MINUTE_MS)) }, t(key)),
  );
  const morning = h("button", { type: "button", class: "quiet", onclick: () => pause(tomorrow()) }, t("quiet.tomorrow"));
  const end = h("button", { type: "button", class: "quiet", "data-testid": "quiet-end", onclick: () => account.set({ [UNTIL]: null }) }, t("quiet.end"));
  const isOn = h("input", { type: "checkbox", "data-testid": "quiet-on", onchange: save });
  const days = DAYS.map((day) => h("input", { type: "checkbox", value: day, onchange: save }));
  const from = h("input", { type: "time", required: true, "data-testid": "quiet-from", onchange: save });
  const to = h("input", { type: "time", required: true, "data-testid": "quiet-to", onchange: save });
  const zone = h("p", { class: "muted" });
  const hours = h(
    "div",
    { class: "stack" },
    h("fieldset", { class: "choices" }, h("legend", {}, t("quiet.days")), ...days.map((box, index) => h("label", { class: "check" }, box, h("span", {}, dayName(index))))),
    h("label", { class: "field" }, h("span", {}, t("quiet.from")), from),
    h("label", { class: "field" }, h("span", {}, t("quiet.to")), to),
    zone,
  );

  function pause(until) {
    account.set({ [UNTIL]: until.toISOString() });
  }

  function save() {
    const chosen = days.filter((box) => box.checked).map((box) => box.value);
    if (!isOn.checked || chosen.length === 0) account.set({ [SCHEDULE]: null });
    else if (from.value && to.value) account.set({ [SCHEDULE]: scheduleText({ days: chosen, from: from.value, to: to.value, zone: ownZone() }) });
    draw();
  }

  function draw() {
    const now = Date.now();
    const until = untilOf(account, now);
    state.textContent = until > now ? t("quiet.until", { time: timeText(until) }) : t("quiet.lead");
    end.hidden = until <= now;
    const schedule = scheduleOf(account.get(SCHEDULE));
    isOn.checked = schedule !== null;
    hours.hidden = !isOn.checked;
    const shown = schedule ?? USUAL;
    for (const box of days) box.checked = shown.days.includes(box.value);
    from.value = shown.from;
    to.value = shown.to;
    zone.textContent = t("quiet.zone", { zone: schedule?.zone ?? ownZone() });
  }

  const box = h(
    "section",
    { class: "stack", "aria-label": t("quiet") },
    h("h3", {}, t("quiet")),
    state,
    h("div", { class: "row-buttons" }, ...pauses, morning, end),
    h("label", { class: "check" }, isOn, h("span", {}, t("quiet.schedule"))),
    hours,
  );
  const follow = () => (box.isConnected ? draw() : account.removeEventListener("change", follow));
  account.addEventListener("change", follow);
  draw();
  return box;
}

function ownZone() {
  return Intl.DateTimeFormat().resolvedOptions().timeZone ?? "UTC";
}

/** The next time that it is eight in the morning. */
function tomorrow() {
  const at = new Date();
  at.setHours(8, 0, 0, 0);
  if (at.getTime() <= Date.now()) at.setDate(at.getDate() + 1);
  return at;
}

function dayName(index) {
  return new Intl.DateTimeFormat(locale(), { weekday: "short", timeZone: "UTC" }).format(A_MONDAY + index * 86_400_000);
}

function timeText(at) {
  const isToday = new Date(at).toDateString() === new Date().toDateString();
  return new Intl.DateTimeFormat(locale(), isToday ? { timeStyle: "short" } : { dateStyle: "medium", timeStyle: "short" }).format(at);
}
