/** An element with these properties and children; `testid` names it for tests. */
export function make(tag, { testid = "", ...fields }, ...children) {
  const element = Object.assign(document.createElement(tag), fields);
  if (testid) element.dataset.testid = testid;
  element.append(...children);
  return element;
}

const sheet = Object.assign(document.createElement("link"), { rel: "stylesheet", href: new URL("./join_requests.css", import.meta.url).href });

/** Has the page take the style sheet of these parts. */
export function styled() {
  if (!sheet.isConnected) document.head.append(sheet);
}
