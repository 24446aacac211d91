/** One bot: what it is, its tokens, and what can be done with it. */

import { button, confirmed, field, make } from "./make.js";
import { tokens } from "./tokens.js";

/**
 * The bot as an item of the list. `attempt` runs something and says what became of it, `changed` reads the list again,
 * `left` takes the focus when what had it is gone.
 */
export function row(page, bot, { isOpen, onToggle, attempt, changed, left }) {
  const address = `/api/v1/bots/${encodeURIComponent(bot.id)}`;
  const isOwn = bot.owner.id === page.me().id;
  const state = bot.locked_by_staff ? page.t("lockedByStaff") : bot.locked ? page.t("locked") : "";
  const owner = isOwn ? page.t("yours") : page.t("ownedBy", { name: bot.owner.name || page.t("nobody") });
  const about = [`@${bot.username}`, owner, state].filter(Boolean).join(" · ");

  const change = (changes, done) =>
    attempt(async () => {
      await page.request("PATCH", address, changes);
      await changed();
      left();
      return done;
    });

  async function remove() {
    if (!(await confirmed(page, page.t("removeTitle", { name: bot.name }), page.t("removeLead"), page.t("remove")))) return;
    await attempt(async () => {
      await page.request("DELETE", address);
      await changed();
      left();
      return page.t("removed", { name: bot.name });
    });
  }

  const name = make("input", { name: "name", value: bot.name, required: true, maxLength: 200, autocomplete: "off", dir: "auto" });
  const description = make("input", { name: "description", value: bot.description, maxLength: 500, autocomplete: "off", dir: "auto" });
  const form = make(
    "form",
    {
      className: "bots-form",
      onsubmit: (event) => {
        event.preventDefault();
        void change({ name: name.value, description: description.value }, page.t("saved"));
      },
    },
    field(page.t("name"), name),
    field(page.t("description"), description),
    make("div", {}, make("button", { className: "quiet", textContent: page.t("save") })),
  );
  const mayUnlock = !bot.locked_by_staff || ["owner", "admin"].includes(page.me().role);
  const lock = bot.locked ? mayUnlock && button(page.t("unlock"), () => change({ locked: false }, page.t("unlocked", { name: bot.name }))) : button(page.t("lock"), () => change({ locked: true }, page.t("lockedNow", { name: bot.name })));
  const take = !isOwn && button(page.t("take"), () => change({ owner: page.me().id }, page.t("taken", { name: bot.name })));

  const details = make(
    "details",
    { open: isOpen, ontoggle: () => onToggle(details.open) },
    make("summary", {}, make("strong", { textContent: bot.name, dir: "auto" }), make("small", { className: "muted", textContent: about, dir: "auto" })),
    tokens(page, bot, { address: `${address}/tokens`, attempt, changed, left }),
    make("h4", { textContent: page.t("about") }),
    form,
    make("div", { className: "bots-buttons" }, lock, take, button(page.t("remove"), remove)),
  );
  return make("li", {}, details);
}
