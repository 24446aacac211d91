/** Asks for one's own status: one of some that are common, or one's own words, and when it is to go. */

import { enable, h, icon, ICONS } from "../lib/dom.js";
import { hasEmoji } from "../lib/emoji.js";
import { errorText, t } from "../lib/i18n.js";
import { endOf } from "../lib/status-ends.js";
import { show } from "./dialogs.js";
import { chooseEmoji } from "./emoji-choice.js";
import "./later-texts.js";

const PRESETS = [
  ["📅", "status.meeting", "hour"],
  ["🍜", "status.lunch", "half"],
  ["🚶", "status.away", ""],
  ["🏖️", "status.holiday", "day"],
]; // emoji, text, when it goes
const ENDS = [
  ["half", "status.end.half"],
  ["hour", "status.end.hour"],
  ["today", "status.end.today"],
  ["week", "status.end.week"],
  ["day", "status.end.day"],
  ["", "status.end.never"],
];

/** `statuses` as lib/statuses.js has them, `me` is the id of the reader, `account` has their preferences. */
export function askStatus({ statuses, me, places, account }) {
  const now = statuses.of(me);
  const error = h("p", { class: "form-error", role: "alert", "data-testid": "status-error" });
  const emoji = h("input", { name: "emoji", value: now?.emoji ?? "", maxlength: "32", class: "status-emoji", "aria-label": t("status.emoji"), autocomplete: "off", "data-testid": "status-emoji" });
  const text = h("input", { name: "text", value: now?.text ?? "", maxlength: "100", dir: "auto", "aria-label": t("status.text"), placeholder: t("status.text"), autocomplete: "off", "data-testid": "status-text" });
  const kept = now?.until ? [h("option", { value: "kept" }, t("status.kept"))] : [];
  const end = h(
    "select",
    { name: "end", "data-testid": "status-end", onchange: () => showDay() },
    ...kept,
    ...ENDS.map(([value, label]) => h("option", { value }, t(label))),
  );
  if (!now?.until) end.value = "";
  const day = h("input", { type: "date", name: "day", min: localDay(new Date()), "data-testid": "status-day" });
  const dayField = h("label", { class: "field", hidden: true }, h("span", {}, t("status.day")), day);
  const look = async () => {
    emoji.value = (await chooseEmoji(places, account, form, { own: false })) || emoji.value;
  };
  const pick = h("button", { class: "round", type: "button", title: t("emoji"), "aria-label": t("emoji"), "data-testid": "status-pick", onclick: () => void look() }, icon(ICONS.face));
  const presets = PRESETS.map(([sign, label, value]) =>
    h(
      "button",
      { class: "quiet", type: "button", "data-testid": "status-preset", onclick: () => choose(sign, t(label), value) },
      `${sign} `,
      h("span", {}, t(label)),
    ),
  );
  const submit = h("button", { class: "primary", "data-testid": "status-set" }, t("status.set"));
  const clear = h("button", { class: "quiet", type: "button", hidden: !now, "data-testid": "status-clear", onclick: () => void save({}) }, t("status.clear"));
  const form = h(
    "form",
    { class: "stack", onsubmit: (event) => void onSubmit(event) },
    h("h2", { id: "status-title" }, t("status.title")),
    h("div", { class: "status-presets", role: "group", "aria-label": t("status.presets") }, ...presets),
    h("div", { class: "status-row" }, emoji, hasEmoji(places) && pick, text),
    h("label", { class: "field" }, h("span", {}, t("status.end")), end),
    dayField,
    error,
    h("div", { class: "dialog-buttons" }, clear, h("button", { class: "quiet", type: "button", onclick: () => dialog.close() }, t("cancel")), submit),
  );
  const dialog = h("dialog", { class: "dialog", "aria-labelledby": "status-title", "data-testid": "status-dialog" }, form);

  function choose(sign, said, value) {
    emoji.value = sign;
    text.value = said;
    end.value = value;
    showDay();
    (value === "day" ? day : submit).focus();
  }

  function showDay() {
    dayField.hidden = end.value !== "day";
    day.required = end.value === "day";
  }

  async function onSubmit(event) {
    event.preventDefault();
    const until = end.value === "kept" ? now.until : endOf(end.value, day.value);
    await save({ emoji: emoji.value.trim(), text: text.value.trim(), until });
  }

  async function save(fields) {
    submit.disabled = clear.disabled = true;
    error.textContent = "";
    try {
      await statuses.set(fields);
      dialog.close();
    } catch (refusal) {
      error.textContent = errorText(refusal);
      clear.disabled = false;
      enable(submit);
    }
  }

  show(dialog);
  text.focus();
}

function localDay(date) {
  return [date.getFullYear(), date.getMonth() + 1, date.getDate()].map((part) => String(part).padStart(2, "0")).join("-");
}
