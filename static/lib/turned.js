/** Which groups of the side bar somebody has collapsed in this browser, or opened if they are collapsed at first. No DOM. */

const KEY = "turned";
const MOST = 200; // groups, of all users; the oldest go first

/** The keys of groups that this user (id) has turned, as a set. Without storage there are none. */
export function turnedGroups(storage, user) {
  const prefix = `${user}/`;
  return new Set(read(storage).filter((each) => each.startsWith(prefix)).map((each) => each.slice(prefix.length)));
}

export function turnGroup(storage, user, group, isTurned) {
  const others = read(storage).filter((each) => each !== `${user}/${group}`);
  const all = isTurned ? [...others, `${user}/${group}`] : others;
  try {
    storage().setItem(KEY, JSON.stringify(all.slice(-MOST)));
  } catch {
    // It counts until the page is closed.
  }
}

function read(storage) {
  try {
    const kept = JSON.parse(storage().getItem(KEY) ?? "[]");
    return Array.isArray(kept) ? kept.filter((each) => typeof each === "string") : [];
  } catch {
    return [];
  }
}
