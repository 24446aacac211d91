/** What the parts are made with. */

import { TEXTS } from "./texts.js";

let sheet = null;

/** Adds the texts and the style sheet, once. */
export function prepared(page) {
  if (sheet) return;
  page.texts(TEXTS);
  sheet = make("link", { rel: "stylesheet", href: new URL("./link_previews.css", import.meta.url).href });
  document.head.append(sheet);
}

/** An element with these properties and children. Texts are set as texts, never as markup. */
export function make(tag, properties = {}, ...children) {
  const { testid, ...others } = properties;
  const node = Object.assign(document.createElement(tag), others);
  if (testid) node.dataset.testid = testid;
  node.append(...children.filter(Boolean));
  return node;
}
