/** The tokens of a bot: a list, and a form that makes one, which is shown this once. */

import { button, confirmed, field, make, once } from "./make.js";

const SCOPES = ["read", "write", "rooms", "moderate"];
const DAYS = [30, 90, 365, 0]; // 0: for good

export function tokens(page, bot, { address, attempt, changed, left }) {
  const made = make("div", { className: "bots-made" });
  const none = make("p", { className: "muted", textContent: page.t("noTokens"), hidden: bot.tokens.length > 0 });
  const list = make("ul", { className: "bots-tokens" }, ...bot.tokens.map(item));
  list.setAttribute("aria-label", page.t("tokensOf", { name: bot.name }));

  function item(token) {
    const scopes = token.scopes.map((scope) => page.t(`scope.${scope}`)).join(", ");
    const isOver = token.expires !== null && new Date(token.expires) <= new Date();
    const until = token.expires === null ? page.t("forGood") : page.t(isOver ? "over" : "until", { time: day(token.expires) });
    const used = token.used === null ? page.t("unused") : page.t("used", { time: day(token.used) });
    const text = make("span", { className: "bots-text" }, make("strong", { textContent: token.label, dir: "auto" }), make("small", { className: "muted", textContent: [scopes, until, used].join(" · ") }));
    return make("li", {}, text, button(page.t("revoke"), () => revoke(token), { ariaLabel: `${page.t("revoke")}: ${token.label}` }));
  }

  async function revoke(token) {
    if (!(await confirmed(page, page.t("revokeTitle", { name: token.label }), page.t("revokeLead"), page.t("revoke")))) return;
    await attempt(async () => {
      await page.request("DELETE", `${address}/${encodeURIComponent(token.id)}`);
      await changed();
      left();
      return page.t("revoked", { name: token.label });
    });
  }

  const scopes = SCOPES.map((scope) => make("input", { type: "checkbox", name: "scopes", value: scope, defaultChecked: scope === "read" || scope === "write" }));
  const check = () => scopes[0].setCustomValidity(scopes.some((box) => box.checked) ? "" : page.t("noScope"));
  for (const box of scopes) box.onchange = check;
  const days = make("select", { name: "days" }, ...DAYS.map((count) => make("option", { value: String(count), defaultSelected: count === 90, textContent: count ? page.t("days", { count }) : page.t("forGood") })));
  const label = make("input", { name: "label", required: true, maxLength: 100, autocomplete: "off", dir: "auto" });
  const choice = make(
    "fieldset",
    { className: "bots-scopes" },
    make("legend", { textContent: page.t("scopes") }),
    ...scopes.map((box) => make("label", { className: "check" }, box, make("span", { textContent: page.t(`scope.${box.value}`) }), make("small", { className: "muted", textContent: page.t(`scopeHint.${box.value}`) }))),
  );
  const form = make("form", { className: "bots-form", onsubmit: once(give) }, field(page.t("label"), label, page.t("labelHint")), choice, field(page.t("lasts"), days), make("div", {}, make("button", { className: "quiet", textContent: page.t("makeToken") })));

  async function give() {
    const wanted = { label: label.value, scopes: scopes.filter((box) => box.checked).map((box) => box.value), days: Number(days.value) || null };
    await attempt(async () => {
      const { token, secret } = await page.request("POST", address, wanted);
      form.reset();
      check();
      list.append(item(token));
      none.remove();
      show(secret);
      return page.t("tokenMade");
    });
  }

  /** Shows a new token until something else is shown: the list is not read again, so that it stays. */
  function show(secret) {
    const input = make("input", { value: secret, readOnly: true, dir: "ltr", ariaLabel: page.t("secret"), onfocus: () => input.select() });
    const said = make("small", { className: "muted", role: "status", textContent: page.t("once") });
    const copy = async () => {
      try {
        await navigator.clipboard.writeText(secret);
        said.textContent = page.t("copied");
      } catch {
        input.focus(); // where the browser has no clipboard, the text is selected
      }
    };
    made.replaceChildren(input, button(page.t("copy"), copy), said);
    input.focus();
  }

  function day(at) {
    return new Intl.DateTimeFormat(page.locale(), { dateStyle: "medium" }).format(new Date(at));
  }

  return make("div", {}, make("h4", { textContent: page.t("tokens") }), none, list, made, form);
}
