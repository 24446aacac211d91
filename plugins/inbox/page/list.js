/** The list of what concerns the reader, the newest first; each entry leads to its message. */

import { TEXTS } from "./texts.js";

const sheet = Object.assign(document.createElement("link"), { rel: "stylesheet", href: new URL("./inbox.css", import.meta.url).href });
document.head.append(sheet);

const EMPTY_PAGES = 20; // looked through at once for the next entry

/** Fills the element, and says that all is seen; rejects if the list cannot be read. */
export async function show(page, element, close) {
  page.texts(TEXTS);
  const list = make("ul", { className: "inbox-list" });
  const more = make("button", { type: "button", className: "quiet", textContent: page.t("more"), hidden: true });
  const status = make("p", { className: "muted" });
  status.setAttribute("role", "status");
  list.addEventListener("keydown", (event) => onKey(list, event));
  list.addEventListener("focusin", ({ target }) => stopAt(list, target));

  async function add(after) {
    const first = await next(page, after);
    list.append(...(await Promise.all(first.entries.map((entry) => row(page, entry, close)))));
    if (!list.querySelector("[tabindex='0']")) stopAt(list, list.querySelector("button"));
    more.hidden = !first.next;
    more.onclick = () => void addMore(first.next);
    status.textContent = list.firstChild ? (first.entries.length ? "" : page.t("gone")) : page.t("none");
  }

  async function addMore(after) {
    const last = list.lastChild;
    try {
      await add(after);
      (last.nextSibling ?? last)?.querySelector("button").focus();
    } catch (error) {
      status.textContent = page.errorText(error);
    }
  }

  await add();
  element.append(make("p", { className: "muted", textContent: page.t("lead") }), list, status, more);
  list.querySelector("button")?.focus();
  page.call("seen").catch(() => {}); // it stays new until the next time
}

/** The next page that has an entry: those that the reader may not read any more are left out. */
async function next(page, after = "") {
  for (let pages = 1; ; pages++) {
    const found = await page.call("list", { after });
    if (found.entries.length || !found.next || pages === EMPTY_PAGES) return found;
    after = found.next;
  }
}

async function row(page, { kind, at, by, message, unread, emoji }, close) {
  const choose = () => {
    close();
    page.show(message.room, message.seq);
  };
  const time = make("time", { dateTime: at, textContent: new Intl.DateTimeFormat(page.locale(), { dateStyle: "medium", timeStyle: "short" }).format(new Date(at)) });
  const what = make("strong", { textContent: page.t(kind, { name: by.name || by.username, emoji }), dir: "auto" });
  const room = make("span", { textContent: page.room(message.room)?.name ?? "", dir: "auto" });
  const fresh = unread ? [make("span", { className: "inbox-new", textContent: page.t("unread") })] : [];
  const head = make("span", { className: "inbox-head muted" }, what, ...fresh, room, time);
  const body = make("span", { className: "inbox-body", textContent: (await page.plain(message.body)) || message.data_text || page.t("file"), dir: "auto" });
  return make("li", {}, make("button", { type: "button", className: "inbox-entry", tabIndex: -1, onclick: choose }, head, body));
}

/** The list is one stop for Tab: this entry. */
function stopAt(list, entry) {
  for (const button of list.querySelectorAll("button")) button.tabIndex = button === entry ? 0 : -1;
}

/** Arrows lead from entry to entry. */
function onKey(list, event) {
  const buttons = [...list.querySelectorAll("button")];
  const at = buttons.indexOf(document.activeElement);
  const to = { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: buttons.length - 1 }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  buttons[to]?.focus();
}

function make(tag, properties, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}
