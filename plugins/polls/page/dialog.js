/** The dialog in which somebody asks a room a question. */

import { make, prepared } from "./make.js";

/** As the server takes them. */
const QUESTION_CHARS = 300;
const OPTION_CHARS = 100;
const LEAST = 2;
const MOST = 10;

/** Resolves when the dialog is closed. A refusal is shown in it, and it stays. */
export function ask(page, room, thread) {
  prepared(page);
  const clientId = freshId(); // a second try of one that got through makes no second poll
  const question = make("input", { maxLength: QUESTION_CHARS, required: true, dir: "auto", autocomplete: "off", testid: "poll-question" });
  const options = make("div", { className: "polls-options" });
  const more = make("button", { type: "button", className: "quiet", textContent: page.t("addOption"), testid: "poll-add" });
  const several = check(page, "allowSeveral", "poll-several");
  const anonymous = check(page, "hideNames", "poll-anonymous");
  const endsAt = make("input", { type: "datetime-local", testid: "poll-ends" });
  const fault = make("p", { className: "form-error", role: "alert", testid: "poll-fault" });
  const submit = make("button", { className: "primary", textContent: page.t("create"), testid: "poll-create" });
  const close = make("button", { type: "button", className: "quiet", textContent: page.t("close"), onclick: () => dialog.close() });

  const inputs = () => [...options.querySelectorAll("input")];
  const add = () => {
    const number = inputs().length + 1;
    const input = make("input", { maxLength: OPTION_CHARS, required: number <= LEAST, dir: "auto", autocomplete: "off", testid: "poll-option" });
    options.append(labelled(page.t("option", { number }), input));
    more.hidden = number === MOST;
    return input;
  };
  for (let count = 0; count < LEAST; count++) add();
  more.addEventListener("click", () => add().focus());

  async function send(event) {
    event.preventDefault();
    submit.disabled = true;
    fault.textContent = "";
    try {
      const texts = inputs().map(({ value }) => value.trim());
      await page.call("create", {
        room,
        thread,
        client_id: clientId,
        question: question.value,
        options: texts.filter(Boolean),
        several: several.input.checked,
        anonymous: anonymous.input.checked,
        ends_at: endsAt.value ? new Date(endsAt.value).toISOString() : null,
      });
      dialog.close();
    } catch (refusal) {
      fault.textContent = page.errorText(refusal);
      submit.disabled = false;
      if (document.activeElement === document.body) submit.focus(); // which a disabled button loses
    }
  }

  const form = make(
    "form",
    { className: "polls-form", onsubmit: (event) => void send(event) },
    make("h2", { id: "polls-ask", textContent: page.t("ask") }),
    labelled(page.t("question"), question),
    options,
    make("div", {}, more),
    several.label,
    anonymous.label,
    labelled(page.t("endsAt"), endsAt),
    fault,
    make("div", { className: "dialog-buttons" }, close, submit),
  );
  const dialog = make("dialog", { className: "dialog polls-dialog", testid: "poll-dialog" }, form);
  dialog.setAttribute("aria-labelledby", "polls-ask");
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve();
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

function labelled(name, input) {
  return make("label", { className: "field" }, make("span", { textContent: name }), input);
}

function check(page, name, testid) {
  const input = make("input", { type: "checkbox", testid });
  return { input, label: make("label", { className: "check" }, input, make("span", { textContent: page.t(name) })) };
}

function freshId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
