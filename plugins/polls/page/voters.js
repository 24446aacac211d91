/**
 * Who voted how, in a part of the card that is closed at first, and read each time that it is opened. `state.showsVoters`
 * is whether it is open: the next card of the message has it open, too.
 */

import { make } from "./make.js";

export function voters(page, message, options, state) {
  const list = make("ul", { className: "polls-voters", testid: "poll-voters" });
  const fault = make("p", { className: "form-error", role: "alert" });
  const more = make("button", { type: "button", className: "quiet", textContent: page.t("more"), hidden: true });
  const box = make("details", { className: "polls-who", testid: "poll-who" }, make("summary", { textContent: page.t("who") }), list, more, fault);
  let turn = 0; // an answer to anything but the last question comes too late

  async function read(after) {
    const own = ++turn;
    fault.textContent = "";
    try {
      const found = await page.call("votes", { message, after });
      if (own !== turn) return;
      if (!after) list.replaceChildren();
      list.append(...found.votes.map(({ user, choices }) => row(user, choices.map((place) => options[place]))));
      if (!list.childElementCount) list.append(make("li", { className: "muted", textContent: page.t("nobody") }));
      more.hidden = !found.after;
      more.onclick = () => void read(found.after);
    } catch (refusal) {
      fault.textContent = page.errorText(refusal);
    }
  }

  box.addEventListener("toggle", () => {
    state.showsVoters = box.open;
    if (box.open) void read("");
  });
  box.open = state.showsVoters;
  return box;
}

function row(user, texts) {
  const name = make("strong", { dir: "auto", textContent: user.name });
  return make("li", {}, name, make("span", { dir: "auto", textContent: texts.join(", ") }));
}
