/** What is held about the reader, and all of it as a file, in the settings beside the end of the account; for staff how much is held of others. */

import { TEXTS } from "./texts.js";

const PATH = "/api/v1/me/data";

export default function begin(page) {
  page.texts(TEXTS);
  page.place("account.parts/v1", { id: "data", label: () => page.t("title"), mount: (element, { attempt }) => draw(page, element, attempt) });
  page.place("admin.user/v1", { id: "data", label: () => page.t("titleOf"), mount: (element, { user }) => drawOf(page, element, user) });
}

function draw(page, element, attempt) {
  const found = make("div", { testid: "my-data-held" });
  const said = make("p", { className: "muted", role: "status", testid: "my-data-said" });
  const onshow = () => attempt(async () => found.replaceChildren(table(page, await page.request("GET", PATH))));
  const onload = () =>
    attempt(async () => {
      await page.request("POST", `${PATH}/export`); // asks for a confirmation, which a download cannot
      said.textContent = page.t("begun");
      const link = make("a", { href: `${PATH}/export?language=${encodeURIComponent(page.locale())}`, download: "my-data.zip" });
      link.click();
    });
  element.replaceChildren(
    make("p", { className: "muted", textContent: page.t("lead") }),
    make("div", {}, make("button", { type: "button", className: "quiet", textContent: page.t("show"), onclick: () => void onshow(), testid: "my-data-show" })),
    found,
    make("p", { className: "muted", textContent: page.t("exportLead") }),
    make("div", {}, make("button", { type: "button", className: "quiet", textContent: page.t("download"), onclick: () => void onload(), testid: "my-data-download" })),
    said,
  );
}

/** How much is held about somebody else, for staff; what it is they do not see here. */
function drawOf(page, element, { id }) {
  const found = make("div", { testid: "data-of-held" });
  const fault = make("p", { className: "form-error", role: "alert" });
  const show = make("button", { type: "button", className: "quiet", textContent: page.t("show"), testid: "data-of-show" });
  show.onclick = async () => {
    show.disabled = true;
    fault.textContent = "";
    try {
      found.replaceChildren(table(page, await page.request("GET", `/api/v1/users/${encodeURIComponent(id)}/data`)));
    } catch (error) {
      fault.textContent = page.errorText(error);
    }
    show.disabled = false;
  };
  element.replaceChildren(make("p", { className: "muted", textContent: page.t("leadOf") }), make("div", {}, show), found, fault);
}

/** The parts that hold something. */
function table(page, { parts }) {
  const number = new Intl.NumberFormat(page.locale());
  const size = new Intl.NumberFormat(page.locale(), { style: "unit", unit: "kilobyte", maximumFractionDigits: 1 });
  const head = make("tr", {}, ...["part", "items", "size"].map((name) => make("th", { scope: "col", textContent: page.t(name) })));
  const rows = parts
    .filter(({ items }) => items)
    .map(({ title, items, bytes }) =>
      make("tr", {}, make("th", { scope: "row", textContent: inLanguage(title, page.locale()) }), make("td", { textContent: number.format(items) }), make("td", { textContent: size.format(bytes / 1000) })),
    );
  return make("table", { testid: "my-data-table" }, make("thead", {}, head), make("tbody", {}, ...rows));
}

/** A text of the server in the reader's language, else in English. */
function inLanguage(text, locale) {
  if (typeof text === "string") return text;
  return text[locale] ?? text[locale.split("-")[0]] ?? text.en ?? Object.values(text)[0] ?? "";
}

function make(tag, { testid = "", ...fields }, ...children) {
  const element = Object.assign(document.createElement(tag), fields);
  if (testid) element.dataset.testid = testid;
  element.append(...children);
  return element;
}
