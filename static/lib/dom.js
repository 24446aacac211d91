/** Builds nodes. Text only ever enters a page as text: there is no way to pass markup. */

/**
 * `h("button", {class: "quiet", onclick: f, hidden: true}, "text", node)`.
 * Functions and objects become properties, true an empty attribute, false / null / undefined nothing.
 */
export function h(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (typeof value === "function" || typeof value === "object") node[name] = value;
    else if (name === "value") node.value = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** Sets properties of a node that have another value: a browser that is given the same one lays out again all the same. */
export function write(node, properties) {
  for (const [name, value] of Object.entries(properties)) if (node[name] !== value) node[name] = value;
}

/** Types a text in place of what stands between two places of a field: the browser can undo it, and fires "input". */
export function insertText(field, text, from, to) {
  field.focus();
  field.setSelectionRange(from, to);
  if (document.execCommand("insertText", false, text)) return;
  field.setRangeText(text, from, to, "end");
  field.dispatchEvent(new Event("input"));
}

/** Lets a button be pressed again; browsers take the focus from one that is disabled. */
export function enable(button) {
  button.disabled = false;
  if (document.activeElement === document.body) button.focus({ preventScroll: true });
}

/** Gives the page a theme and a density; the browser's own bar follows the theme. */
export function showAppearance({ theme, density }) {
  Object.assign(document.documentElement.dataset, { theme, density });
  for (const scheme of ["light", "dark"]) {
    const isFixed = theme === "light" || theme === "dark";
    const bar = /** @type {HTMLMetaElement} */ (document.querySelector(`meta[data-scheme="${scheme}"]`));
    if (isFixed) bar.media = theme === scheme ? "all" : "not all";
    else bar.media = `(prefers-color-scheme: ${scheme})`;
  }
}

/** The address of the page's own picture, wherever its files come from. */
export const LOGO = new URL("../icon.svg", import.meta.url).href;

const SVG = "http://www.w3.org/2000/svg";

/** A 24 × 24 line drawing; decoration only, the button around it carries the name. */
export function icon(path) {
  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("viewBox", "0 0 24 24");
  drawing.setAttribute("class", POINTING.has(path) ? "icon pointing" : "icon");
  drawing.setAttribute("aria-hidden", "true");
  const line = document.createElementNS(SVG, "path");
  line.setAttribute("d", path);
  drawing.append(line);
  return drawing;
}

/** A QR code as the server gives it: `size` modules wide and high, of which `path` has the dark ones. */
export function qrCode({ size, path }, label) {
  const margin = 4; // modules, ISO/IEC 18004
  const whole = size + 2 * margin;
  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("viewBox", `${-margin} ${-margin} ${whole} ${whole}`);
  drawing.setAttribute("class", "qr-code");
  drawing.setAttribute("role", "img");
  drawing.setAttribute("aria-label", label);
  const dark = document.createElementNS(SVG, "path");
  dark.setAttribute("d", path);
  drawing.append(dark);
  return drawing;
}

export const ICONS = {
  back: "M15 5l-7 7 7 7",
  plus: "M12 5v14M5 12h14",
  send: "M4 12l16-8-6 16-3-7z",
  check: "M5 12l5 5 9-10",
  close: "M6 6l12 12M18 6L6 18",
  down: "M12 5v14M6 13l6 6 6-6",
  lock: "M7 11V8a5 5 0 0 1 10 0v3M6 11h12v9H6z",
  hash: "M9 4L7 20M17 4l-2 16M4 9h16M4 15h16",
  person: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4 20c1-4 4-6 8-6s7 2 8 6",
  people: "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 19c.6-3.4 3-5 6.5-5s5.900 1.6 6.5 5M16 4.5a3.5 3.5 0 0 1 0 6.2M18 14.3c2 .7 3.200 2.300 3.5 4.7",
  face: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM9 9.500v.5M15 9.500v.5M8 14.500c2 2.500 6 2.500 8 0",
  reply: "M10 6l-6 5 6 5v-3c5 0 8 1 10 5 0-6-4-9-10-9z",
  forward: "M14 6l6 5-6 5v-3c-5 0-8 1-10 5 0-6 4-9 10-9z",
  edit: "M5 19l1-4L16 5l3 3L9 18z",
  trash: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13",
  link: "M10 14a4 4 0 0 0 5.700 0l3-3a4 4 0 0 0-5.700-5.700l-1 1M14 10a4 4 0 0 0-5.700 0l-3 3a4 4 0 0 0 5.700 5.700l1-1",
  pin: "M9 4h6l-1 6 4 4H6l4-4zM12 14v6",
  ban: "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM6.5 6.500l11 11",
  block: "M10 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM3 20c1-4 4-6 7-6M16 14l6 6M22 14l-6 6",
  archive: "M4 5h16v4H4zM6 9v10h12V9M10 13h4",
  megaphone: "M4 10v4h4l9 5V5L8 10zM8 14v5h3v-3.500M20 10v4",
  gear: "M12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM10.0 5.7L10.2 2.9L13.8 2.9L14.0 5.7L15.1 6.2L17.2 4.3L19.7 6.8L17.8 8.9L18.3 10.0L21.1 10.2L21.1 13.8L18.3 14.0L17.8 15.1L19.7 17.2L17.2 19.7L15.1 17.8L14.0 18.3L13.8 21.1L10.2 21.1L10.0 18.3L8.9 17.8L6.8 19.7L4.3 17.2L6.2 15.1L5.7 14.0L2.9 13.8L2.9 10.2L5.7 10.0L6.2 8.9L4.3 6.8L6.8 4.3L8.9 6.2z",
  search: "M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM16 16l5 5",
  leave: "M14 5H6v14h8M11 12h9M17 8l4 4-4 4",
  exit: "M5 21V4l9-1v18zM14 5h5v16M11 12v1",
  more: "M12 5v1M12 11.500v1M12 18v1",
  compass: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM15.500 8.500l-2 5-5 2 2-5z",
  bell: "M6 16V11a6 6 0 0 1 12 0v5l1.500 2h-15zM10 21h4",
  silent: "M6 16V11a6 6 0 0 1 12 0v5l1.500 2h-15zM10 21h4M4 4l16 17",
  star: "M12 3.500l2.600 5.300 5.900.9-4.200 4.100 1 5.800-5.300-2.700-5.300 2.700 1-5.800-4.200-4.100 5.900-.9z",
  section: "M4 6h6l2 2h8v11H4z",
  mark: "M5 6h14v10h-7l-4 4v-4H5z",
  thread: "M4 5h12v8h-6l-3 3v-3H4zM10 16v1h5l3 3v-3h2v-8h-1.500",
  fold: "M8 10l4 4 4-4",
  help: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM9.5 9.5a2.5 2.5 0 1 1 3.5 2.3c-.7.3-1 .8-1 1.7M12 16.5h.01",
  keyboard: "M3 6h18v12H3zM7 10h.01M11 10h.01M15 10h.01M7 14h10",
};

/** Those that point along the line, and the other way where lines go from right to left. */
const POINTING = new Set([ICONS.back, ICONS.send, ICONS.reply, ICONS.forward, ICONS.leave]);
