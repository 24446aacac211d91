/** The server's own emoji in messages; the page to add some is loaded when it is wanted. */

const LABEL = { en: "Emoji", ja: "絵文字" };

export default function begin(page) {
  const label = () => page.said(LABEL);
  const mount = async (element) => (await import("./list.js")).show(page, element);
  const taking = {}; // by place
  let pictures = {}; // addresses by name, null of those that are gone
  let changes = {}; // told while the list was on its way

  async function read() {
    changes = {};
    const { emoji, may_add: mayAdd } = await page.call("list");
    pictures = { ...Object.fromEntries(emoji.map(({ name, url }) => [name, url])), ...changes };
    show();
    const isStaff = ["owner", "admin"].includes(page.me()?.role);
    const wanted = mayAdd && !isStaff;
    if (wanted !== Boolean(taking["settings.page/v1"])) put("settings.page/v1", wanted ? { id: "own", label, mount } : null);
  }

  function show() {
    const isEmpty = !Object.values(pictures).some(Boolean);
    put("message.emoji/v1", isEmpty ? null : { id: "own", pictures });
  }

  function put(place, item) {
    taking[place]?.();
    taking[place] = item && page.place(place, item);
  }

  page.place("admin.page/v1", { id: "list", label, mount });
  page.hear("changed", ({ missed, payload }) => {
    if (missed) return read().catch(() => {}); // without a connection it is read once there is one
    pictures = { ...pictures, [payload.name]: payload.url };
    changes[payload.name] = payload.url;
    return show();
  });
}
