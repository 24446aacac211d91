/** Names that plugins suggest behind `@`, such as those of groups. */

import { attempt } from "./plugin-place.js";

/** Options of a suggestion-list. Faults of plugins are shown near `near`. */
export async function suggestedNames(places, room, text, near) {
  const found = places.in("composer.names/v1").map(async (item) => {
    let names = [];
    await attempt(item, async () => (names = (await item.find({ room, text })) ?? []), near);
    return names.map(({ name, about }) => ({ text: `@${name}`, label: `@${name}`, about }));
  });
  return (await Promise.all(found)).flat();
}
