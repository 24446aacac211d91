/** The emoji that have names, to choose from and to complete. */

export default function begin(page) {
  page.place("composer.emoji/v1", { id: "emoji", list: async () => (await page.call("list")).emoji });
}
