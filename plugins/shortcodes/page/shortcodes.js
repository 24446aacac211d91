/** All emoji, in groups, to choose from and to complete. */

export default function begin(page) {
  page.place("composer.emoji/v1", { id: "emoji", list: async () => (await import("./groups.js")).groups(page) });
}
