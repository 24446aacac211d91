/** An action of others' messages that shows them in the reader's language, and the translation below the text. */

import { Shown } from "./shown.js";
import { TEXTS } from "./texts.js";

const SIGNS = "M4 5h9M8.5 3v2M6 5c0 4 3 6.5 6 7.5M11 5c0 4-3 6.5-7 7.5M12.5 20l4-9 4 9M14 17h5";

export default function begin(page) {
  page.texts(TEXTS);
  const shown = new Shown();
  const put = (message, translation) => {
    if (translation) shown.put(message, translation);
    else shown.remove(message);
    page.redrawMessages();
    page.relabel();
  };
  page.place("message.actions/v1", {
    id: "translate",
    label: ({ message }) => page.t(shown.of(message) && !shown.of(message).refusal ? "original" : "translate"),
    icon: SIGNS,
    when: { own: false, archived: true },
    run: async ({ message }) => {
      if (shown.of(message) && !shown.of(message).refusal) return put(message, null);
      put(message, { isPending: true });
      const found = await asked(page, message);
      if (shown.of(message)?.isPending) put(message, found); // else it was hidden meanwhile
    },
  });
  page.place("message.parts/v1", {
    id: "translation",
    wants: ({ message }) => shown.of(message) !== null,
    mount: async (element, { message, formatted }) => {
      const { show } = await import("./translated.js");
      await show(page, element, shown.of(message), { formatted, hide: () => put(message, null) });
    },
  });
}

/** The translation of a message, or why there is none. Not an operation of the socket, whose next one would wait for the service. */
async function asked(page, { id }) {
  try {
    return await page.request("POST", "/api/v1/translations", { message: id, language: page.language() });
  } catch (refusal) {
    return { refusal };
  }
}
