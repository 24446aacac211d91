/** The list of one's saved messages, the last saved first, as they stand now. */

// Wanted by the list alone, not when the page begins.
const sheet = Object.assign(document.createElement("link"), { rel: "stylesheet", href: new URL("./saved.css", import.meta.url).href });
document.head.append(sheet);

const TEXTS = {
  en: {
    none: "You have saved no messages. “Save for later” is among the actions of each message.",
    gone: "This message is not there any more, or you may not read it.",
    deleted: "This message was deleted.",
    show: "Show",
    showOf: "Show the message of {name}",
    remove: "Remove",
    removeOf: "Remove the message of {name} from saved",
    removeGone: "Remove from saved",
    more: "Show more",
  },
  ja: {
    none: "保存したメッセージはありません。メッセージの操作の「あとで見るために保存」で追加できます。",
    gone: "このメッセージはもうないか、閲覧する権限がありません。",
    deleted: "このメッセージは削除されました。",
    show: "表示",
    showOf: "{name} さんのメッセージを表示",
    remove: "取り消す",
    removeOf: "{name} さんのメッセージの保存を取り消す",
    removeGone: "保存を取り消す",
    more: "さらに表示",
  },
};

/** Fills the element with the list, and again when `lists` are told to draw; resolves with what ends it. */
export async function show(page, element, lists) {
  page.texts(TEXTS);
  const fault = make("p", { className: "failed", role: "alert" });
  const list = make("ul", { className: "saved-list" });
  const more = make("button", { type: "button", className: "quiet", textContent: page.t("more"), hidden: true });
  let count = 0; // of rows that are shown
  let asked = 0; // an answer to anything but the last question comes too late

  const draw = async (least) => {
    const question = ++asked;
    const rows = [];
    let after = "";
    do {
      const found = await page.call("list", { after });
      rows.push(...(await Promise.all(found.saved.map((each) => row(page, each, attempt)))));
      after = found.after;
    } while (after && rows.length < least);
    if (question !== asked) return;
    count = rows.length;
    more.hidden = !after;
    const place = [...list.children].indexOf(document.activeElement?.closest?.(".saved-list > li"));
    list.replaceChildren(...(count ? rows : [make("li", { className: "muted", textContent: page.t("none"), tabIndex: -1 })]));
    if (place < 0) return;
    const near = list.children[Math.min(place, list.childElementCount - 1)];
    (near.querySelector("button") ?? near).focus();
  };
  const attempt = async (action) => {
    fault.textContent = "";
    try {
      await action();
    } catch (refusal) {
      fault.textContent = page.errorText(refusal);
    }
  };
  const again = () => void attempt(() => draw(count));
  more.addEventListener("click", () => void attempt(() => draw(count + 1)));
  await draw(0);
  element.replaceChildren(list, fault, more);
  lists.add(again);
  return () => lists.delete(again);
}

async function row(page, { id, message, room_name: room }, attempt) {
  const remove = make("button", { type: "button", className: "quiet", textContent: page.t("remove") });
  remove.setAttribute("aria-label", message ? page.t("removeOf", { name: message.author.name }) : page.t("removeGone"));
  remove.addEventListener("click", () => void attempt(() => page.call("drop", { message: id })));
  if (!message) return make("li", {}, make("p", { className: "muted", textContent: page.t("gone") }), buttons(remove));
  const { author, at, deleted, body, data_text: other } = message;
  const time = new Date(at).toLocaleString(page.locale(), { dateStyle: "medium", timeStyle: "short" });
  const head = make("small", { className: "muted", dir: "auto", textContent: [author.name, room, time].filter(Boolean).join(" · ") });
  if (deleted) return make("li", {}, head, make("p", { className: "muted", textContent: page.t("deleted") }), buttons(remove));
  const open = make("a", { href: `/m/${id}`, textContent: page.t("show") }); // the page leads there
  open.setAttribute("aria-label", page.t("showOf", { name: author.name }));
  return make("li", {}, head, make("p", { textContent: (await page.plain(body)) || other, dir: "auto" }), buttons(open, remove));
}

function buttons(...nodes) {
  return make("div", { className: "saved-buttons" }, ...nodes);
}

function make(tag, properties, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}
