/** What people say about themselves; what shows and changes it is loaded when it is wanted. */

const LABEL = { en: "About", ja: "自己紹介" };

export default function begin(page) {
  const label = () => page.said(LABEL);
  page.place("profile.parts/v1", { id: "own", label, mount: async (element) => (await import("./own.js")).showOwn(page, element) });
  page.place("person.parts/v1", { id: "card", label, mount: async (element, { user }) => (await import("./card.js")).showCard(page, element, user) });
  page.place("admin.user/v1", { id: "user", label, mount: async (element, { user }) => (await import("./card.js")).showForStaff(page, element, user) });
}
