/** What the parts of the settings are made with. */

let sheet = null;

/** Adds the style sheet, once: few need it when the page begins. */
export function styled() {
  if (sheet) return;
  sheet = make("link", { rel: "stylesheet", href: new URL("./pictures.css", import.meta.url).href });
  document.head.append(sheet);
}

/** An element with these properties and children. Texts are set as texts, never as markup. */
export function make(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

/** A button for the keyboard, the pointer and the tests, which know it by `name`. */
export function button(name, textContent, onclick, className = "quiet") {
  const node = make("button", { type: "button", className, textContent, onclick });
  node.dataset.testid = `picture-${name}`;
  return node;
}

/** The picture at an address: round as those of people, or as those of rooms are. */
export function shown(page, url, isRound = true) {
  const picture = make("img", { className: isRound ? "pictures-shown" : "pictures-shown pictures-of-room", alt: page.t("alt"), src: url, width: 96, height: 96 });
  picture.dataset.testid = "picture-shown";
  return picture;
}
