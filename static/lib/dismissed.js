/** What somebody has closed for good on this device. No DOM. */

const KEY = "dismissed";

/** Whether `name` was closed by this user (id). Without storage nothing was. */
export function isDismissed(storage, user, name) {
  return read(storage).includes(`${user}/${name}`);
}

export function dismiss(storage, user, name) {
  try {
    storage.setItem(KEY, JSON.stringify([...new Set([...read(storage), `${user}/${name}`])]));
  } catch {
    // Where storage is full or blocked, it comes again at the next sign-in.
  }
}

function read(storage) {
  try {
    const kept = JSON.parse(storage.getItem(KEY) ?? "[]");
    return Array.isArray(kept) ? kept : [];
  } catch {
    return [];
  }
}
