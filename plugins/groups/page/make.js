/** What the parts are made with. */

let sheet = null;

/** Adds the style sheet, once: few need it when the page begins. */
export function styled() {
  if (sheet) return;
  sheet = make("link", { rel: "stylesheet", href: new URL("./groups.css", import.meta.url).href });
  document.head.append(sheet);
}

/** An element with these properties and children; those that are false are left out. Texts are set as texts. */
export function make(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children.filter((child) => child !== false && child !== null));
  return node;
}

export function button(text, onclick, properties = {}) {
  return make("button", { type: "button", className: "quiet", textContent: text, onclick: () => void onclick(), ...properties });
}

export function field(label, input, hint = "") {
  return make("label", { className: "field" }, make("span", { textContent: label }), input, hint && make("small", { className: "muted", textContent: hint }));
}

/** What a form does when it is sent; not again before that is done, as a double click would make two. */
export function once(submit) {
  let isBusy = false;
  return async (event) => {
    event.preventDefault();
    if (isBusy) return;
    isBusy = true;
    await submit();
    isBusy = false;
  };
}

/** Asks before something that cannot be undone; resolves with whether it is wanted. */
export async function confirmed(page, title, lead, action) {
  const heading = make("h2", { id: "groups-question", textContent: title });
  const dialog = make("dialog", { className: "dialog groups-question" });
  dialog.setAttribute("aria-labelledby", heading.id);
  dialog.append(
    heading,
    make("p", { className: "muted", textContent: lead }),
    make("div", { className: "dialog-buttons" }, button(page.t("cancel"), () => dialog.close()), button(action, () => dialog.close("yes"), { className: "primary danger" })),
  );
  document.body.append(dialog);
  dialog.showModal();
  await new Promise((resolve) => {
    dialog.addEventListener("close", resolve, { once: true });
  });
  dialog.remove();
  return dialog.returnValue === "yes";
}
