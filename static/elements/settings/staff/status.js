/** The state of the installation, for staff: what is wrong, backups and their age, storage, nodes, and background work. */

import { enable, h } from "../../../lib/dom.js";
import { errorText, formatAge, formatBytes, formatFull, t } from "../../../lib/i18n.js";

export function statusPage({ api }) {
  const parts = h("div", { class: "stack", "data-testid": "status" });
  const fault = h("p", { class: "form-error", role: "alert" });
  const said = h("p", { class: "muted", role: "status" });
  const again = h("button", { class: "quiet", type: "button", "data-testid": "status-again", onclick: () => void look() }, t("admin.lookAgain"));

  async function look() {
    again.disabled = true;
    fault.textContent = "";
    said.textContent = t("list.loading");
    try {
      const { status, disk } = await api.status();
      parts.replaceChildren(...sections(status, disk));
      said.textContent = t("admin.statusAt", { time: formatFull(new Date(status.at)) });
    } catch (error) {
      fault.textContent = errorText(error);
      said.textContent = "";
    }
    enable(again);
  }

  void look();
  return h("div", { class: "stack" }, parts, fault, said, h("div", {}, again));
}

function sections(status, disk) {
  return [problems(status), backups(status), storage(status, disk), nodes(status), work(status)];
}

function problems({ ok, problems: found }) {
  const list = ok ? h("p", {}, t("admin.allWell")) : h("ul", { class: "rows" }, ...found.map(problem));
  return section("admin.health", list, "health");
}

/** In the reader's language, with the server's words, which name what is wrong, below. */
function problem({ code, text }) {
  const said = errorText({ code, message: text });
  return h("li", { "data-code": code }, h("span", { class: "row-main form-error" }, said, said !== text && h("small", { class: "muted row-more", lang: "en", dir: "auto" }, text)));
}

function backups({ backups: { every_hours: every, count, newest, age, bytes, verified, error, folder }, targets }) {
  const rows = error
    ? [[t("admin.backupFolder"), error]]
    : [
        [t("admin.backupEvery"), every ? t("admin.hours", { count: every.toLocaleString() }) : t("admin.backupsOff")],
        count > 0 && [t("admin.backupNewest"), t("admin.backupNewestIs", { age: formatAge(age), name: newest, size: formatBytes(bytes) })],
        [t("admin.backupCount"), count.toLocaleString()],
        count > 0 && [t("admin.backupVerified"), verified ? formatFull(new Date(verified)) : t("admin.never")],
        [t("admin.backupFolder"), folder],
        ...targets.map(({ target, age: old, error: wrong }) => [target, wrong || (old === null ? t("admin.never") : t("admin.ago", { age: formatAge(old) }))]),
      ];
  return section("admin.backups", facts(rows), "backups");
}

function storage({ store: { plugin, state, error, software, bytes, rows, latency_ms: latency, members } }, { free, total }) {
  const counted = Object.entries(rows).map(([name, count]) => `${name} ${count.toLocaleString()}`);
  return section(
    "admin.storage",
    facts([
      [t("admin.store"), [plugin, software, state !== "ok" && t(`admin.store.${state}`), error].filter(Boolean).join(" · ")],
      bytes !== null && [t("admin.storeSize"), formatBytes(bytes)],
      counted.length > 0 && [t("admin.storeRows"), counted.join(", ")],
      latency !== null && [t("admin.storeLatency"), `${latency.toLocaleString()} ms`],
      ...members.map(({ name, role, healthy }) => [name, healthy ? role : t("admin.down", { role })]),
      [t("admin.disk"), t("admin.diskFree", { free: formatBytes(free), total: formatBytes(total) })],
    ]),
    "storage",
  );
}

function nodes({ version, nodes: found, bus }) {
  const rows = found.map(({ node, alive, version: its, started, connections, state }) => [
    node,
    alive ? t("admin.nodeIs", { version: its, time: formatFull(new Date(started)), connections: connections.toLocaleString(), state: state === "draining" ? t("admin.draining") : "" }) : t("admin.silent"),
  ]);
  return section("admin.nodes", facts([[t("admin.version"), version], ...rows, bus.plugin && [t("admin.bus"), t("admin.busHeard", { plugin: bus.plugin, connected: bus.connected, nodes: bus.nodes })]]), "nodes");
}

function work({ jobs, consumers, timers }) {
  const rows = [
    ...jobs.map(({ name, at, failures, overdue }) => [name, [at ? t("admin.ranAt", { time: formatFull(new Date(at)) }) : t("admin.never"), failures > 0 && t("admin.failed", { count: failures }), overdue && t("admin.overdue")].filter(Boolean).join(" · ")]),
    ...consumers.map(({ name, lag, dead }) => [name, t("admin.waiting", { lag: lag.toLocaleString(), dead: dead.toLocaleString() })]),
    ...timers.map(({ name, pending, dead }) => [name, t("admin.waiting", { lag: pending.toLocaleString(), dead: dead.toLocaleString() })]),
  ];
  return section("admin.work", facts(rows), "work");
}

function section(title, content, testid) {
  const heading = t(title);
  return h("section", { class: "stack", "aria-label": heading, "data-testid": `status-${testid}` }, h("h3", {}, heading), content);
}

function facts(rows) {
  return h("dl", { class: "facts" }, ...rows.filter(Boolean).map(([name, value]) => h("div", {}, h("dt", { class: "muted", dir: "auto" }, name), h("dd", { dir: "auto" }, value))));
}
