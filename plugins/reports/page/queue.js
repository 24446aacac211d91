/** The queue of reports, of one room or of all, in which each is settled by a form of its own. */

import { make, styled } from "./make.js";
import { TEXTS } from "./queue-texts.js";

const ADDRESS = "/api/v1/reports";
const DAY = 86_400;
const LENGTHS = [["", "for.ever"], [DAY, "for.day"], [7 * DAY, "for.week"], [30 * DAY, "for.month"]];
const COUNT_MS = 30_000;

/** Fills the element; `told(count)` is called with the number of open ones. Returns what ends it. */
export function show(page, element, { room = null, told = () => {} }) {
  page.texts(TEXTS);
  styled();
  const state = make(
    "select",
    { ariaLabel: page.t("show"), onchange: () => void begin() },
    ...["open", "settled"].map((value) => make("option", { value, textContent: page.t(`state.${value}`) })),
  );
  const count = make("strong", { className: "reports-count" });
  const list = make("ul", { className: "reports-list" });
  const said = make("p", { className: "muted", role: "status", tabIndex: -1 });
  const fault = make("p", { className: "reports-fault", role: "alert" });
  const more = make("button", { type: "button", className: "quiet", textContent: page.t("next"), hidden: true, onclick: () => void next() });
  let after = "";
  let asked = 0;

  function begin() {
    after = "";
    list.replaceChildren();
    return next();
  }

  async function next() {
    const mine = (asked += 1);
    more.hidden = true;
    fault.textContent = "";
    said.textContent = page.t("loading");
    try {
      const query = new URLSearchParams({ state: state.value, after, ...(room && { room }) });
      const found = await page.request("GET", `${ADDRESS}?${query}`);
      if (mine !== asked) return; // the other list was chosen meanwhile
      list.append(...found.reports.map((each) => item(page, each, settled)));
      after = found.after ?? "";
      more.hidden = !after;
      more.textContent = page.t("next");
      said.textContent = list.childElementCount ? "" : page.t(state.value === "open" ? "none" : "noneSettled");
      await tally();
    } catch (error) {
      if (mine !== asked) return;
      said.textContent = "";
      fault.textContent = page.errorText(error);
      more.textContent = page.t("again");
      more.hidden = false;
    }
  }

  async function tally() {
    const query = room ? `?${new URLSearchParams({ room })}` : "";
    const { open } = await page.request("GET", `${ADDRESS}/count${query}`);
    count.textContent = page.t("openCount", { count: open });
    told(open);
  }

  /** Takes a settled report out of the list; the next one has the focus. */
  function settled(row) {
    const neighbour = row.nextElementSibling ?? row.previousElementSibling;
    row.remove();
    said.textContent = page.t(list.childElementCount ? "settledNow" : "none");
    (neighbour ?? said).focus();
    tally().catch(() => {});
  }

  const recount = () => document.hidden || tally().catch(() => {});
  const timer = room && setInterval(recount, COUNT_MS); // staff of the server is told, moderators of a room are not
  const end = page.hear("queue", recount);
  element.append(make("p", { className: "muted", textContent: page.t("queueLead") }), make("div", { className: "reports-head" }, state, count), fault, list, said, more);
  void begin();
  return () => {
    clearInterval(timer);
    end();
  };
}

function item(page, report, settled) {
  const { author, body, attached, reports, count } = report;
  const row = make(
    "li",
    { tabIndex: -1 },
    make("small", { className: "muted", textContent: place(page, report), dir: "auto" }),
    make("blockquote", { className: "reports-message" }, make("strong", { textContent: author.name, dir: "auto" }), make("p", { textContent: [body, attached].filter(Boolean).join("\n"), dir: "auto" })),
    make("p", { className: "reports-by", textContent: page.t("reportedBy", { count }) }),
    make("ul", { className: "reports-reports" }, ...reports.map((each) => said(page, each))),
  );
  row.dataset.report = report.id;
  if (report.settled) row.append(...outcome(page, report.settled));
  else row.append(form(page, report, () => settled(row)));
  return row;
}

function place(page, { room_name: name, posted_at: posted, edited_at: edited }) {
  const where = name === null ? page.t("direct") : page.t("where", { room: name });
  const times = [page.t("written", { time: timeText(page, posted) }), edited && page.t("edited", { time: timeText(page, edited) })];
  return [where, ...times].filter(Boolean).join(" · ");
}

function said(page, { by, reason, text, at }) {
  const head = `${by.name} · ${page.t(`short.${reason}`)} · ${timeText(page, at)}`;
  return make("li", {}, make("span", { textContent: head, dir: "auto" }), ...(text ? [make("p", { textContent: text, dir: "auto" })] : []));
}

function outcome(page, { by, at, steps, note }) {
  const done = steps.length ? steps.map((step) => page.t(`done.${step}`)).join(" · ") : page.t("done.none");
  const line = make("p", { textContent: page.t("settledBy", { name: by.name, time: timeText(page, at), done }), dir: "auto" });
  return note ? [line, make("p", { className: "muted", textContent: note, dir: "auto" })] : [line];
}

/** Without a step chosen, its button dismisses the report. */
function form(page, report, settled) {
  const { id, room, seq, author, steps } = report;
  const { name } = author;
  const fault = make("p", { className: "reports-fault", role: "alert" });
  const submit = make("button", { className: "primary" });
  const reason = field(page.t("banReason", { name }), make("input", { name: "ban_reason", maxLength: 500, dir: "auto", autocomplete: "off" }));
  const length = field(page.t("banLength"), make("select", { name: "ban_seconds" }, ...LENGTHS.map(([value, key]) => make("option", { value, textContent: page.t(key) }))));
  const checks = steps.map((step) =>
    make("label", { className: "check" }, make("input", { type: "checkbox", name: "steps", value: step }), make("span", { textContent: page.t(`step.${step}`, { name }), dir: "auto" })),
  );
  const look = page.room(room)?.joined ? [make("button", { type: "button", className: "quiet", textContent: page.t("open"), onclick: () => page.show(room, seq) })] : [];
  const whole = make(
    "form",
    { onsubmit: (event) => void settle(event), onchange: draw },
    make("fieldset", {}, make("legend", { textContent: page.t("what", { name }), dir: "auto" }), ...checks),
    reason,
    length,
    field(page.t("note"), make("input", { name: "note", maxLength: 500, dir: "auto", autocomplete: "off" })),
    fault,
    make("div", { className: "reports-buttons" }, submit, ...look),
  );

  function chosen() {
    return new FormData(whole).getAll("steps");
  }

  function draw() {
    const isBan = chosen().includes("ban");
    for (const each of [reason, length]) each.hidden = !isBan;
    submit.textContent = page.t(chosen().length ? "settle" : "dismiss");
    submit.className = chosen().length ? "primary danger" : "primary";
  }

  async function settle(event) {
    event.preventDefault();
    submit.disabled = true;
    fault.textContent = "";
    const given = new FormData(whole);
    const verdict = { steps: chosen(), note: given.get("note"), ban_reason: given.get("ban_reason"), ban_seconds: Number(given.get("ban_seconds")) || null };
    try {
      await page.request("POST", `${ADDRESS}/${encodeURIComponent(id)}/settle`, verdict);
      settled();
    } catch (refusal) {
      fault.textContent = page.errorText(refusal);
      submit.disabled = false;
      if (document.activeElement === document.body) submit.focus(); // which a disabled button loses
    }
  }

  draw();
  return whole;
}

function field(label, input) {
  return make("label", { className: "field" }, make("span", { textContent: label, dir: "auto" }), input);
}

function timeText(page, at) {
  return new Intl.DateTimeFormat(page.locale(), { dateStyle: "medium", timeStyle: "short" }).format(new Date(at));
}
