/** Bookmarks on the page: a button at each message, and a panel in each room. */

const RIBBON = "M7 4h10v16l-5-4-5 4z";

export default function begin(page) {
  const shown = new Set(); // the panels that are open: functions that draw them again

  page.texts({
    en: { save: "Keep for later", title: "Kept messages", none: "You have kept nothing here.", drop: "Remove" },
    ja: { save: "あとで読む", title: "保存したメッセージ", none: "保存したメッセージはありません。", drop: "削除" },
  });

  page.place("message.actions/v1", {
    id: "save",
    label: () => page.t("save"),
    icon: RIBBON,
    async run({ message }) {
      await page.call("save", { room: message.room, message: message.id });
      for (const draw of shown) await draw();
    },
  });

  page.place("room.panels/v1", {
    id: "kept",
    label: () => page.t("title"),
    icon: RIBBON,
    async mount(element, { room }) {
      const draw = async () => {
        const { bookmarks } = await page.call("list", { room });
        element.replaceChildren(...(bookmarks.length ? [list(page, room, bookmarks, draw)] : [text("p", page.t("none"))]));
      };
      await draw();
      shown.add(draw);
      return () => shown.delete(draw);
    },
  });
}

function list(page, room, bookmarks, draw) {
  const items = bookmarks.map(({ message, name, body }) => {
    const item = text("li", "");
    const drop = text("button", page.t("drop"));
    drop.type = "button";
    drop.className = "link";
    drop.addEventListener("click", async () => {
      await page.call("drop", { room, message });
      await draw();
    });
    item.append(text("strong", name), text("span", body), drop);
    return item;
  });
  const whole = document.createElement("ul");
  whole.className = "bookmarks";
  whole.append(...items);
  return whole;
}

/** An element with a text, which is never taken for markup. */
function text(tag, content) {
  const element = document.createElement(tag);
  element.textContent = content;
  return element;
}
