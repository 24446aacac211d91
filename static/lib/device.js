/**
 * What belongs to this device, whoever signs in, and stays when they sign out. All else that a reader prefers of the page
 * follows the account (account-preferences.js). No DOM.
 */

/** Names in localStorage. */
export const DEVICE = Object.freeze({
  language: "language", // chosen where nobody was signed in
  notifications: "notifications", // "on": they go to the desktop, if the browser permits it
  sounds: "sounds", // of what it sounds: WISHES of lib/sounds.js
});

/** `sessionStorage` or `localStorage`; null where the browser blocks it. */
export function storage(name) {
  try {
    return globalThis[name] ?? null;
  } catch {
    return null;
  }
}
