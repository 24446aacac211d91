/** The server's own emoji in messages; what it takes to add or choose one is loaded when it is wanted. */

const LABEL = { en: "Emoji", ja: "絵文字" };

export default function begin(page) {
  const label = () => page.said(LABEL);
  const mount = async (element) => (await import("./list.js")).show(page, element);
  let pictures = {}; // addresses by name, null of those that are gone
  let changes = {}; // told while the list was on its way
  let taken = [];

  async function read() {
    changes = {};
    const { emoji, may_add: mayAdd } = await page.call("list");
    pictures = { ...Object.fromEntries(emoji.map(({ name, url }) => [name, url])), ...changes };
    show();
    if (mayAdd && !["owner", "admin"].includes(page.me()?.role)) put("settings.page/v1", { id: "own", label, mount });
  }

  function show() {
    for (const take of taken) take();
    taken = [];
    if (Object.values(pictures).some(Boolean)) put("message.emoji/v1", { id: "own", pictures });
  }

  function put(place, item) {
    taken.push(page.place(place, item));
  }

  page.place("admin.page/v1", { id: "list", label, mount });
  page.hear("changed", ({ missed, payload }) => {
    if (missed) return read();
    changes[payload.name] = pictures[payload.name] = payload.url;
    return show();
  });
  read().catch(() => {}); // without a connection it is read once there is one
}
