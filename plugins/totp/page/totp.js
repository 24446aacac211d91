/** One's own one-time codes: whether they are asked for, how many recovery codes are left, new ones, and their end. */

import { TEXTS } from "./texts.js";

const PATH = "/api/v1/me/totp";

export default function begin(page) {
  page.texts(TEXTS);
  page.place("account.parts/v1", { id: "codes", label: () => page.t("title"), mount: (element, { attempt }) => draw(page, element, attempt) });
}

async function draw(page, element, attempt) {
  const { enrolled, recovery_codes: left } = await page.request("GET", PATH);
  element.replaceChildren(...(enrolled ? offers(page, element, attempt, left) : [said(page.t("off"), "totp-state")]));
}

function offers(page, element, attempt, left) {
  const state = said(page.t(left === 1 ? "on.one" : left ? "on" : "on.none", { left: String(left) }), "totp-state");
  const shown = make("div", { className: "stack", hidden: true });
  const renew = asked(page, "renew", () =>
    attempt(async () => {
      const { recovery_codes: codes } = await page.request("POST", `${PATH}/recovery`, {});
      shown.replaceChildren(said(page.t("keep")), make("output", { className: "shown-value", textContent: codes.join("\n"), testid: "totp-codes" }));
      shown.hidden = false;
      state.textContent = page.t(codes.length === 1 ? "on.one" : "on", { left: String(codes.length) });
    }),
  );
  const remove = asked(page, "remove", () =>
    attempt(async () => {
      await page.request("DELETE", PATH);
      await draw(page, element, attempt);
    }),
  );
  return [state, shown, renew, remove];
}

/** A button that asks once more, in its place, before it calls `act`: what it ends cannot be had back. */
function asked(page, name, act) {
  const button = (text, onclick, fields) => make("button", { type: "button", className: "quiet", textContent: page.t(text), onclick, ...fields });
  const begin = button(name, () => turn(true), { testid: `totp-${name}` });
  const leave = button("cancel", () => turn(false));
  const go = button(
    `${name}Yes`,
    () => {
      turn(false);
      void act();
    },
    { className: "danger", testid: `totp-${name}-yes` },
  );
  const question = make("div", { className: "stack", hidden: true }, make("p", { textContent: page.t(`${name}Lead`) }), make("div", {}, go, leave));
  const turn = (isAsking) => {
    question.hidden = !isAsking;
    begin.hidden = isAsking;
    (isAsking ? leave : begin).focus();
  };
  return make("div", {}, begin, question);
}

function said(textContent, testid = "") {
  return make("p", { className: "muted", textContent, role: "status", testid });
}

function make(tag, { testid = "", ...fields }, ...children) {
  const element = Object.assign(document.createElement(tag), fields);
  if (testid) element.dataset.testid = testid;
  element.append(...children);
  return element;
}
