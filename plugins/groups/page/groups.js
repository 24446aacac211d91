/** Groups of users: their names are completed while one types; their page is loaded when it is opened. */

const LABEL = { en: "Groups", ja: "グループ" };
const PEOPLE = { en: { one: "1 person", many: "{count} people" }, ja: { one: "1 人", many: "{count} 人" } };
const STAFF = ["owner", "admin"];

export default function begin(page) {
  page.texts(PEOPLE);
  const label = () => page.said(LABEL);
  const mount = async (element) => (await import("./list.js")).show(page, element);
  let known = null; // a promise of the groups, from the first time that they are wanted
  let isThere = false;

  /** The groups of which the name, or a word of the title, begins with the text. */
  async function find({ text }) {
    known ??= page.call("list");
    const asked = known;
    try {
      const wanted = text.normalize("NFKC").toLowerCase();
      const { groups } = await asked;
      return groups.filter(({ name, title }) => [name, ...title.toLowerCase().split(" ")].some((word) => word.startsWith(wanted))).map(named);
    } catch {
      if (known === asked) known = null; // as without a connection: it is asked again
      return [];
    }
  }

  function named({ name, title, member_count: count }) {
    const people = page.t(count === 1 ? "one" : "many", { count });
    return { name, about: title ? `${title} · ${people}` : people };
  }

  /** Who reads may be known later than this begins. Guests see no groups. */
  function look() {
    const role = page.me()?.role;
    if (isThere || !role || role === "guest") return;
    isThere = true;
    page.place("composer.names/v1", { id: "groups", find });
    page.place(STAFF.includes(role) ? "admin.page/v1" : "settings.page/v1", { id: "list", label, mount });
  }

  look();
  page.hear("changed", () => {
    known = null;
    look();
  });
}
