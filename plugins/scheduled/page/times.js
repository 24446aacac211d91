/** Times at which to send, in the reader's own zone, and the dialog that asks for one. */

// Wanted by the dialog and the list alone, not when the page begins.
const sheet = Object.assign(document.createElement("link"), { rel: "stylesheet", href: new URL("./scheduled.css", import.meta.url).href });
document.head.append(sheet);

const MORNING = 9; // o'clock

export function inAnHour(now = new Date()) {
  return new Date(now.getTime() + 3_600_000);
}

export function tomorrowMorning(now = new Date()) {
  return new Date(now.getFullYear(), now.getMonth(), now.getDate() + 1, MORNING);
}

export function dayText(page, at) {
  return new Intl.DateTimeFormat(page.locale(), { dateStyle: "full", timeStyle: "short" }).format(at);
}

/**
 * Asks for a time, and with `body` for the text as well. `save({at, body})` may reject; its reason is shown and the dialog
 * stays. Resolves with whether something was saved.
 */
export function askTime(page, { title, at, body = null, save }) {
  const dialog = document.createElement("dialog");
  dialog.className = "dialog scheduled-dialog";
  dialog.setAttribute("aria-label", title);
  const form = document.createElement("form");
  const heading = Object.assign(document.createElement("h2"), { textContent: title });
  const time = Object.assign(document.createElement("input"), { type: "datetime-local", required: true, value: localText(at) });
  const text = Object.assign(document.createElement("textarea"), { value: body ?? "", required: true, rows: 3, dir: "auto" });
  const fault = Object.assign(document.createElement("p"), { className: "failed" });
  fault.setAttribute("role", "alert");
  const buttons = Object.assign(document.createElement("div"), { className: "dialog-buttons" });
  const close = Object.assign(document.createElement("button"), { type: "button", className: "quiet", textContent: page.t("close"), onclick: () => dialog.close() });
  buttons.append(close, Object.assign(document.createElement("button"), { className: "primary", textContent: page.t("save") }));
  form.append(heading, ...(body === null ? [] : [labelled(page.t("message"), text)]), labelled(page.t("time"), time), fault, buttons);
  dialog.append(form);
  return new Promise((resolve) => {
    let saved = false;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      try {
        await save({ at: new Date(time.value), body: text.value });
        saved = true;
        dialog.close();
      } catch (error) {
        fault.textContent = page.errorText(error);
      }
    });
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(saved);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** The value of an input for a local time, to the minute. */
function localText(at) {
  const shifted = new Date(at.getTime() - at.getTimezoneOffset() * 60_000);
  return shifted.toISOString().slice(0, 16);
}

function labelled(name, field) {
  const label = Object.assign(document.createElement("label"), { className: "field" });
  label.append(Object.assign(document.createElement("span"), { textContent: name }), field);
  return label;
}
