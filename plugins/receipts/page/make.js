/** What the parts are made with. */

let sheet = null;

/** Adds the style sheet, once: few need it when the page begins. */
export function styled() {
  if (sheet) return;
  sheet = make("link", { rel: "stylesheet", href: new URL("./receipts.css", import.meta.url).href });
  document.head.append(sheet);
}

/** An element with these properties and children. Texts are set as texts, never as markup. */
export function make(tag, properties = {}, ...children) {
  const { testid, ...others } = properties;
  const node = Object.assign(document.createElement(tag), others);
  if (testid) node.dataset.testid = testid;
  node.append(...children);
  return node;
}
