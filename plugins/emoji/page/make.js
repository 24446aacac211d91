/** What the parts are made with. */

let sheet = null;

/** Adds the style sheet, once: few need it when the page begins. */
export function styled() {
  if (sheet) return;
  sheet = make("link", { rel: "stylesheet", href: new URL("./emoji.css", import.meta.url).href });
  document.head.append(sheet);
}

/** An element with these properties and children. Texts are set as texts, never as markup. */
export function make(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

/** A dialog that goes when it is closed; resolves then. */
export function opened(dialog) {
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve();
    });
  });
}
