/** Whether previews are shown on this device. */

const KEY = "link_previews.hidden"; // in localStorage
const listeners = new Set();
let isHidden = stored();

export function areWanted() {
  return !isHidden;
}

export function want(wanted) {
  isHidden = !wanted;
  try {
    if (wanted) localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, "1");
  } catch {
    // The browser keeps nothing for us: it holds until the page is closed.
  }
  for (const listener of listeners) listener();
}

/** Calls a function with each change; returns what ends that. */
export function onWanted(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function stored() {
  try {
    return localStorage.getItem(KEY) !== null;
  } catch {
    return false;
  }
}
