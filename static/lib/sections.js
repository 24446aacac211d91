/** The groups of rooms in the side bar: favourites, the reader's own sections, and the rest. No DOM. */

export const FAVOURITES = "favourites";
export const MINE = "mine";
export const DIRECT = "direct";
export const OTHER = "other";
export const ARCHIVED = "archived";
const OWN = "section:";

/** The key of the group that a room stands in. */
export function groupOf({ joined, kind, archived, prefers }) {
  if (!joined) return OTHER;
  if (archived) return ARCHIVED;
  if (prefers.favourite) return FAVOURITES;
  if (prefers.section) return OWN + prefers.section;
  return kind === "direct" ? DIRECT : MINE;
}

/** The reader's heading that a key stands for; null for groups that everybody has. */
export function sectionOf(key) {
  return key.startsWith(OWN) ? key.slice(OWN.length) : null;
}

/** The names of the reader's sections in these rooms, in the order of `compare`. Those of favourites are among them. */
export function sectionsOf(rooms, compare) {
  const names = new Set();
  for (const { joined, prefers } of rooms) if (joined && prefers.section) names.add(prefers.section);
  return [...names].sort(compare);
}

/** The keys of all groups, in the order in which they are shown. */
export function groupsOf(rooms, compare) {
  return [FAVOURITES, ...sectionsOf(rooms, compare).map((name) => OWN + name), MINE, DIRECT, OTHER, ARCHIVED];
}
