/** What the side bar finds beside rooms: people, the pages of the settings, and what one can do. */

import { ICONS } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { isStaff } from "../lib/rights.js";
import { plain } from "../lib/titles.js";
import "./later-texts.js";
import { labelOf } from "./plugin-place.js";
import { PAGES } from "./settings/pages.js";
import { openSidePanel } from "./side-panels.js";

const USERNAME = /^@?([\p{L}\p{N}_][\p{L}\p{N}_.-]{0,31})$/u;
const MOST_PEOPLE = 5;
let staffPages = []; // once they were loaded, for staff alone

/** Those who wrote what is here, but for those with a direct room, which is found as a room. */
function people(wanted, { rooms, me }, writeTo) {
  const all = [...rooms.values()];
  const known = new Set([me?.id, ...all.map(({ other }) => other)]);
  const authors = new Map(all.flatMap(({ messages }) => messages.map(({ author }) => [author.id, author])));
  return [...authors.values()]
    .filter(({ id, name, bot }) => !bot && !known.has(id) && plain(name).includes(wanted))
    .slice(0, MOST_PEOPLE)
    .map(({ id, name }) => ({ key: `person:${id}`, title: t("switch.write", { name }), icon: ICONS.person, run: () => writeTo(id) }));
}

/** Finds the pages for staff, too, from when they are here. Nobody else needs to call it. */
export async function findStaffPages() {
  staffPages = (await import("./settings/staff/pages.js")).PAGES;
}

/**
 * Items for a text, `[{key, title, icon, run}, …]`; none without a text. `acts` has what the items do: `write(username)`,
 * `writeTo(id)`, `browse(text)`, `create()`, `search()`, `keys()`, `signOut()`, and `panels`, the plugins' in the side bar.
 */
export function found(text, store, acts) {
  if (!text) return [];
  const wanted = plain(text);
  const pages = [...PAGES, ...(isStaff(store.me?.role) ? staffPages : [])].map(([page, label]) => ({
    key: `page:${page}`,
    title: t("switch.page", { page: t(label) }),
    icon: ICONS.gear,
    run: () => {
      location.hash = `#settings=${page}`;
    },
  }));
  const acting = [
    { key: "act:create", title: t("room.create"), icon: ICONS.plus, run: acts.create },
    { key: "act:search", title: t("search"), icon: ICONS.search, run: acts.search },
    { key: "act:keys", title: t("keys"), icon: ICONS.keyboard, run: acts.keys },
    { key: "act:signOut", title: t("signOut"), icon: ICONS.leave, run: acts.signOut },
    ...acts.panels.map((item) => ({ key: `panel:${item.key}`, title: labelOf(item), icon: item.icon, run: () => void openSidePanel(item) })),
  ];
  const named = [...pages, ...acting].filter(({ title }) => plain(title).includes(wanted));
  const username = USERNAME.exec(text)?.[1];
  return [
    ...people(plain(text.replace(/^@/, "")), store, acts.writeTo),
    ...named,
    username && { key: "act:write", title: t("switch.write", { name: `@${username}` }), icon: ICONS.person, run: () => acts.write(username) },
    { key: "act:browse", title: t("switch.browse", { text }), icon: ICONS.compass, run: () => acts.browse(text) },
  ].filter(Boolean);
}
