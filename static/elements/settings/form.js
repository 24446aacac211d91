/** A form whose refusals are shown beside the field that they are about, and others below all fields. */

import { enable, h } from "../../lib/dom.js";
import { errorText, t } from "../../lib/i18n.js";

/**
 * A labelled field of a form. `name` is that of the field in the server's `detail.field`; `hint` says more; further
 * attributes are those of the input.
 */
export function field({ name, label, hint = "", input = null, ...attributes }) {
  const control = input ?? h("input", { name, dir: "auto", autocomplete: "off", ...attributes });
  const fault = h("span", { class: "field-error", role: "alert", "data-fault": name });
  return h("label", { class: "field" }, h("span", {}, label), control, hint && h("small", { class: "muted" }, hint), fault);
}

/** A checkbox with its label. */
export function check({ name, label, ...attributes }) {
  return h("label", { class: "check" }, h("input", { type: "checkbox", name, ...attributes }), h("span", {}, label));
}

/**
 * `save(values)` is called with what is filled in, checkboxes as booleans. `attempts` runs it, so that the person can
 * confirm where the server asks for that; without `attempts` it runs at once. `done` is said if it succeeds.
 */
export function form({ fields, save, action = t("settings.save"), done = t("settings.saved"), testid, attempts = null }) {
  const fault = h("p", { class: "form-error", role: "alert", "data-testid": `${testid}-error` });
  const said = h("p", { class: "muted", role: "status", "data-testid": `${testid}-done` });
  const button = h("button", { class: "primary", type: "submit", "data-testid": `${testid}-save` }, action);
  const node = h("form", { class: "stack", method: "post", "data-testid": testid, onsubmit: (event) => void submit(event) }, ...fields, fault, said, h("div", {}, button));

  async function submit(event) {
    event.preventDefault();
    const work = async () => {
      await save(values(node));
      said.textContent = done;
    };
    clear();
    button.disabled = true;
    try {
      await (attempts ? attempts.run(work, "", refused) : work());
    } catch (error) {
      refused(error);
    }
    enable(button);
  }

  function clear() {
    fault.textContent = said.textContent = "";
    for (const each of node.querySelectorAll("[data-fault]")) each.textContent = "";
    for (const each of node.querySelectorAll("[aria-invalid]")) each.removeAttribute("aria-invalid");
  }

  function refused(error) {
    const about = error.detail?.field;
    const place = about && node.querySelector(`[data-fault="${CSS.escape(about)}"]`);
    (place || fault).textContent = errorText(error);
    const control = place && node.elements[about];
    control?.setAttribute("aria-invalid", "true");
    control?.focus();
  }

  return node;
}

function values(node) {
  return Object.fromEntries(
    [...node.elements].filter(({ name }) => name).map((control) => [control.name, control.type === "checkbox" ? control.checked : control.value]),
  );
}
