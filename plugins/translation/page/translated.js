/** A translation below the message, with the service that it is by. */

document.head.append(Object.assign(document.createElement("link"), { rel: "stylesheet", href: new URL("./translation.css", import.meta.url).href }));

/** Fills the element with a translation, or says that there will be one, or why there is none. `hide()` takes it away. */
export async function show(page, element, translation, { formatted, hide }) {
  if (translation.isPending) {
    element.append(make("p", { className: "muted translation-by", role: "status" }, page.t("pending")));
    return;
  }
  if (translation.refusal) {
    const fault = make("p", { className: "form-error", role: "alert" }, page.errorText(translation.refusal));
    fault.dataset.testid = "translation-fault";
    element.append(fault);
    return;
  }
  const { text, language, source, provider } = translation;
  const from = nameOf(page, source);
  const button = make("button", { type: "button", className: "link", textContent: page.t("original"), onclick: hide });
  button.dataset.testid = "translation-hide";
  const said = page.t(from ? "from" : "by", { language: from, provider });
  const body = make("div", { lang: language }, await formatted(text));
  body.dataset.testid = "translation-text";
  const group = make("div", { className: "translation", role: "group", ariaLabel: page.t("translation") }, body, make("p", { className: "muted translation-by" }, said, " · ", button));
  group.dataset.testid = "translation";
  element.append(group);
}

/** A language as the reader calls it; "" if the service did not say which it was. */
function nameOf(page, code) {
  try {
    return code ? new Intl.DisplayNames([page.locale()], { type: "language" }).of(code) : "";
  } catch {
    return code; // which no browser knows
  }
}

function make(tag, properties, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}
