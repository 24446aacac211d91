/** Pictures of people and of rooms; what shows and sets them is loaded later, or when it is wanted. */

const MOST_MS = 3_000; // until pictures are asked for
const LABEL = { en: "Picture", ja: "プロフィール画像" };
const ROOM_LABEL = { en: "Picture", ja: "ルームの画像" };

export default function begin(page) {
  const label = () => page.said(LABEL);
  page.place("profile.parts/v1", { id: "own", label, mount: async (element) => (await import("./own.js")).showOwn(page, element) });
  page.place("admin.user/v1", { id: "user", label, mount: async (element, { user }) => (await import("./staff.js")).showOf(page, element, user) });
  page.place("room.settings/v1", {
    id: "room",
    when: { moderates: true, kinds: ["public", "private"] },
    label: () => page.said(ROOM_LABEL),
    mount: async (element, { room }) => (await import("./own.js")).showOfRoom(page, element, room),
  });
  // The first messages do not wait for it: they are here when the page has taken as long again as until now.
  setTimeout(async () => (await import("./asking.js")).begin(page), Math.min(performance.now(), MOST_MS));
}
