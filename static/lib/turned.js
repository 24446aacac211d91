/** Which groups of the side bar somebody has collapsed on all devices, or opened if they are collapsed at first. No DOM. */

const TURNED = "turned.";
const MOST = 100; // groups; the oldest go first

/** The keys of groups that are turned, as a set. `account` are the reader's AccountPreferences. */
export function turnedGroups(account) {
  return new Set(account.under(TURNED).values());
}

export function turnGroup(account, group, isTurned) {
  const others = [...account.under(TURNED)].filter(([, each]) => each !== group);
  const oldest = isTurned ? others.slice(0, Math.max(0, others.length + 1 - MOST)) : [];
  const gone = Object.fromEntries(oldest.map(([id]) => [TURNED + id, null]));
  account.set({ ...gone, [TURNED + digest(group)]: isTurned ? group : null });
}

/** FNV-1a (32 bits): headings of sections have any characters, keys of preferences only a few. */
function digest(text) {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash.toString(16);
}
