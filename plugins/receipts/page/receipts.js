/** Read receipts: an action of messages that says who has read them, a mark below one's own last message in direct rooms, and a choice in the settings. */

import { TEXTS } from "./texts.js";

const EYE = "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12zM12 9.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.6z";

export default function begin(page) {
  page.texts(TEXTS);
  let terms = null; // what the reader has chosen, and where there are receipts
  let marks = null; // the module, once a mark is wanted
  let takeAway = []; // what is there for those who take part
  const choices = new Set(); // that are shown: functions that draw them again

  const settled = (found) => {
    const isNew = terms?.shown !== found.shown || terms.rooms !== found.rooms;
    terms = found;
    for (const draw of choices) draw(terms);
    if (!isNew) return;
    for (const end of takeAway) end();
    takeAway = terms.shown ? [page.place("message.actions/v1", readers()), page.place("message.last/v1", mark())] : [];
  };

  const readers = () => ({
    id: "readers",
    label: () => page.t("readBy"),
    icon: EYE,
    when: { archived: true, apart: false, ...(terms.rooms === "direct" ? { kinds: ["direct"] } : {}) },
    run: async ({ message }) => (await import("./readers.js")).show(page, message.id),
  });

  const mark = () => ({
    id: "mark",
    when: { archived: true, kinds: ["direct"] },
    mount: async (element, { message }) => {
      marks ??= await import("./marks.js");
      return marks.show(page, element, message.id);
    },
  });

  page.place("notifications.parts/v1", {
    id: "choice",
    label: () => page.t("title"),
    mount: async (element) => (await import("./choice.js")).show(page, element, { terms, choices, settled }),
  });
  page.hear("changed", async ({ missed, payload }) => {
    if (!missed) settled({ ...terms, ...payload });
    else await page.call("get").then(settled, () => {}); // asked again with the next connection
  });
  page.hear("read", ({ missed, payload }) => (missed ? marks?.again() : marks?.told(payload)));
}
