/** The pages of one's own settings, for the settings and for the field that finds them; each is loaded when it is opened. */

/** `[key, label, load]`; `load` resolves with a function that makes the page of a `<settings-view>`. */
export const PAGES = [
  ["profile", "settings.profile", async () => (await import("./profile.js")).profilePage],
  ["appearance", "settings.appearance", async () => (await import("./appearance.js")).appearancePage],
  ["security", "settings.security", async () => (await import("./security.js")).securityPage],
  ["sessions", "account.sessions", async () => (await import("./sessions.js")).sessionsPage],
  ["blocked", "settings.blocked", async () => (await import("./blocked.js")).blockedPage],
  ["notifications", "settings.notifications", async () => (await import("./notifications.js")).notificationsPage],
  ["help", "settings.help", async () => (await import("./help.js")).helpPage],
];
