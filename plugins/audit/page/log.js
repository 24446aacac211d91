/** The log in sentences, newest first, with filters by kind and by user. */

import { sentence } from "./sentences.js";
import { TEXTS } from "./texts.js";

// Only staff needs it, and not when the page begins.
const sheet = Object.assign(document.createElement("link"), { rel: "stylesheet", href: new URL("./audit.css", import.meta.url).href });
document.head.append(sheet);

const KINDS = { all: "", logins: "login", accounts: "account", rooms: "member,room,message", plugins: "plugin", looks: "look" };

export function show(page, element) {
  page.texts(TEXTS);
  const kind = make("select", { name: "kind", ariaLabel: page.t("kind") }, ...Object.entries(KINDS).map(([key, value]) => make("option", { value, textContent: page.t(key) })));
  const user = make("input", { type: "search", name: "user", ariaLabel: page.t("user"), placeholder: page.t("user"), autocapitalize: "none", autocomplete: "off", spellcheck: false });
  const list = make("ul", { className: "audit-list" });
  const state = make("p", { className: "muted", role: "status" });
  const fault = make("p", { className: "failed", role: "alert" });
  const more = make("button", { type: "button", className: "quiet", textContent: page.t("more"), hidden: true, onclick: () => void next() });
  const form = make("form", { className: "audit-filter", onsubmit: begin }, kind, user, make("button", { className: "primary", textContent: page.t("show") }));
  kind.addEventListener("change", () => void begin());
  let before = "";
  let asked = 0;

  function begin(event) {
    event?.preventDefault();
    before = "";
    list.replaceChildren();
    return next();
  }

  async function next() {
    const mine = (asked += 1);
    more.hidden = true;
    fault.textContent = "";
    state.textContent = page.t("loading");
    try {
      const query = new URLSearchParams({ kind: kind.value, user: user.value.trim(), before });
      const found = await page.request("GET", `/api/v1/audit?${query}`);
      if (mine !== asked) return; // another filter was chosen meanwhile
      list.append(...found.entries.map((entry) => row(page, entry, found.users)));
      before = found.before ?? "";
      more.hidden = !before;
      state.textContent = list.childElementCount || before ? "" : page.t("none");
    } catch (error) {
      if (mine !== asked) return;
      state.textContent = "";
      fault.textContent = page.errorText(error);
      more.hidden = false;
    }
  }

  element.append(make("p", { className: "muted", textContent: page.t("lead") }), form, fault, list, state, more);
  return begin();
}

function row(page, entry, users) {
  const time = new Intl.DateTimeFormat(page.locale(), { dateStyle: "medium", timeStyle: "medium" }).format(new Date(entry.at));
  const origin = [time, entry.address && page.t("from", { address: entry.address }), entry.operator && page.t("operator", { name: entry.operator })].filter(Boolean).join(" · ");
  const item = make("li", {}, make("span", { textContent: sentence(page, entry, users), dir: "auto" }), make("small", { className: "muted", textContent: origin }));
  item.dataset.kind = entry.kind;
  return item;
}

function make(tag, properties, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}
