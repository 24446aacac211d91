/** What the side bar finds beside rooms: people, the pages of the settings, and what one can do. */

import { ICONS } from "../lib/dom.js";
import { FoundPeople } from "../lib/found-people.js";
import { t } from "../lib/i18n.js";
import { knownPeople, usernameIn } from "../lib/recipients.js";
import { isStaff } from "../lib/rights.js";
import { bare } from "../lib/titles.js";
import "./later-texts.js";
import { labelOf } from "./plugin-place.js";
import { PAGES } from "./settings/pages.js";
import { openSidePanel } from "./side-panels.js";

let staffPages = []; // once they were loaded, for staff alone

/** Finds the pages for staff, too, from when they are here. Nobody else needs to call it. */
export async function findStaffPages() {
  staffPages = (await import("./settings/staff/pages.js")).PAGES;
}

/** Those whom plugins find, by their `places`; `onFound()` is called when `found` has others to show. */
export function finderOf(places, onFound) {
  return new FoundPeople(places, onFound);
}

/**
 * Items for a text, `[{key, title, icon, run}, …]`; none without a text. `acts` has what the items do: `write(username)`,
 * `writeTo(id)`, `browse(text)`, `people(text)`, `create()`, `search()`, `keys()`, `signOut()`; `panels` of plugins in the
 * side bar; and whom these find, as a `finder` of `finderOf`.
 */
export function found(text, store, acts) {
  const others = acts.finder.of(text);
  if (!text) return [];
  const wanted = bare(text);
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
  const named = [...pages, ...acting].filter(({ title }) => bare(title).includes(wanted));
  const username = usernameIn(text);
  return [
    ...knownPeople(text, store, others).map(({ id, name }) => ({ key: `person:${id}`, title: t("switch.write", { name }), icon: ICONS.person, run: () => acts.writeTo(id) })),
    ...named,
    username && { key: "act:write", title: t("switch.write", { name: `@${username}` }), icon: ICONS.person, run: () => acts.write(username) },
    acts.finder.isThere && { key: "act:people", title: t("switch.people", { text }), icon: ICONS.people, run: () => acts.people(text) },
    { key: "act:browse", title: t("switch.browse", { text }), icon: ICONS.compass, run: () => acts.browse(text) },
  ].filter(Boolean);
}
