/** Shows one announcement, until its reader dismisses it on this device or it ends. */

const DISMISSED = "chatserver.announcements.dismissed"; // holds the id of the last one
const SPREAD_MS = 20_000; // over which pages ask whether it has ended
const LONGEST_MS = 2 ** 31 - 1; // of a timer
const DISMISS = { en: "Dismiss", ja: "閉じる" };
const LINK = /(https?:\/\/[^\s<>"]*[^\s<>".,;:!?)\]」』）、。])/;

const sheet = Object.assign(document.createElement("link"), { rel: "stylesheet", href: new URL("./announcements.css", import.meta.url).href });
const styled = new Promise((resolve) => (sheet.onload = sheet.onerror = resolve));
let timer;

/** `again()` asks what stands now: when it has ended by the clock of this device, which may be wrong. */
export async function show(page, element, announcement, again) {
  clearTimeout(timer);
  if (!announcement || announcement.id === dismissed()) {
    element.replaceChildren();
    return;
  }
  document.head.append(sheet);
  await styled;
  const text = make("p", { dir: "auto" }, ...announcement.text.split(LINK).map(linked));
  const label = page.said(DISMISS);
  const button = make("button", { type: "button", className: "quiet", textContent: "×", title: label, ariaLabel: label });
  const line = make("div", { className: `announcement ${announcement.tone}` }, text, button);
  button.onclick = () => {
    dismiss(announcement.id);
    line.remove();
  };
  element.replaceChildren(line);
  if (announcement.until) timer = setTimeout(again, waitFor(announcement.until));
}

function waitFor(until) {
  const left = Math.max(0, Date.parse(until) - Date.now());
  return Math.min(LONGEST_MS, left + 1_000 + Math.random() * SPREAD_MS);
}

/** Of what a text is split into by links, each second one is a link. */
function linked(part, place) {
  return place % 2 ? make("a", { href: part, textContent: part, target: "_blank", rel: "noopener noreferrer" }) : part;
}

function dismissed() {
  try {
    return localStorage.getItem(DISMISSED);
  } catch {
    return null; // a browser that keeps nothing shows it with each start
  }
}

function dismiss(id) {
  try {
    localStorage.setItem(DISMISSED, id);
  } catch {
    // It is gone until the next start.
  }
}

function make(tag, properties, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}
