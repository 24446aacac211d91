/** Previews of links: cards below messages, and a page of the settings with which a reader goes without. */

import { prepared } from "./make.js";

const LABEL = { en: "Previews of links", ja: "リンクのプレビュー" };

export default function begin(page) {
  page.place("message.data/v1", {
    id: "link_previews",
    mount: async (element, context) => {
      prepared(page);
      return (await import("./cards.js")).show(page, element, context);
    },
  });
  page.place("settings.page/v1", {
    id: "wanted",
    label: () => page.said(LABEL),
    mount: async (element) => {
      prepared(page);
      (await import("./settings.js")).show(page, element);
    },
  });
}
