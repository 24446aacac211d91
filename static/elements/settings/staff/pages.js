/** The pages for staff of the server; each is loaded when it is opened. Nobody else loads this file. */

import "../../settings-sheet.js";
import { ownerCard } from "./owner-card.js";
import "./texts.js";

/** Tells the first account that the server is its own. */
export const OWNER_CARD = ownerCard;

/** `[key, label, load]`; `load` resolves with a function that makes the page, as those of one's own settings. */
export const PAGES = [
  ["users", "admin.users", async () => (await import("./users.js")).usersPage],
  ["all-rooms", "admin.rooms", async () => (await import("./rooms.js")).roomsPage],
  ["status", "admin.status", async () => (await import("./status.js")).statusPage],
  ["plugins", "admin.plugins", async () => (await import("./plugins.js")).pluginsPage],
];
