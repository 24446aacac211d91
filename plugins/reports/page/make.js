/** What the dialog and the queue are made with. */

let sheet = null;

/** Adds the style sheet, once: few need it when the page begins. */
export function styled() {
  if (sheet) return;
  sheet = make("link", { rel: "stylesheet", href: new URL("./reports.css", import.meta.url).href });
  document.head.append(sheet);
}

/** An element with these properties and children. Texts are set as texts, never as markup. */
export function make(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}
