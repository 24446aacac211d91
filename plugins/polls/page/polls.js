/** Polls: a button at the composer, and a card at their messages. What draws them is loaded when it is wanted. */

const LABEL = { en: "Poll", ja: "投票" };
const BARS = "M5 20V10M12 20V4M19 20v-7";
let card = null; // the module, once it is there

export default function begin(page) {
  page.place("composer.buttons/v1", {
    id: "ask",
    label: () => page.said(LABEL),
    icon: BARS,
    run: async ({ room, thread }) => (await import("./dialog.js")).ask(page, room, thread),
  });
  page.place("message.data/v1", {
    id: "polls",
    fixed: true, // its card has the same question and answers
    mount: (element, context) => (card ? card.show(page, element, context) : first(page, element, context)),
  });
}

async function first(page, element, context) {
  card = await import("./card.js");
  return card.show(page, element, context);
}
