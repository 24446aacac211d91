/**
 * What a room is about, and its members with their roles, page by page and by a part of their name, each with a link to a
 * direct talk and a menu, and the user's contacts to invite. From a direct room, more people lead to another one.
 */

import { enable, h, icon, ICONS } from "../lib/dom.js";
import { errorText, locale, t } from "../lib/i18n.js";
import { outranks, rightsIn } from "../lib/rights.js";
import { askBan } from "./ban-dialog.js";
import { blockItem } from "./block-item.js";
import { show } from "./dialogs.js";
import "./menu-button.js";
import { PagedList } from "./paged-list.js";
import { suggestPeople } from "./people-suggestions.js";
import { drawPerson, followPeople, personParts } from "./person-row.js";
import { roomAbout } from "./room-about.js";
import "./later-texts.js";

/** `open(id)` is called with the direct room that was chosen. */
export async function showPeople({ session, store, places, room, open }) {
  const all = { session, store };
  const { me } = store;
  const may = rightsIn(me, room);
  const isDirect = room.kind === "direct";
  const error = h("p", { class: "form-error", role: "alert" });
  const known = h("div", { class: "stack" });
  const count = h("p", { class: "muted", "data-testid": "people-count" });
  const members = new PagedList({
    load: async (text, after) => byName(await session.findMembers(room.id, text, after), after),
    row: member,
    label: t("people.find"),
    none: t("people.none"),
    testid: "members",
    // Nobody is marked if the server does not tell.
    onChange: (shown) => session.watchPresence(room.id, shown.map(({ id }) => id)).catch(() => {}),
  });
  const lists = h("div", { class: "stack" }, members.node, known);
  const close = h(
    "button",
    { class: "round", type: "button", title: t("close"), "aria-label": t("close"), onclick: () => dialog.close() },
    icon(ICONS.close),
  );
  const topic = room.topic ? h("p", { class: "message-body", dir: "auto", "data-testid": "people-topic" }, room.topic) : null; // the head of the room cuts it off
  const dialog = h(
    "dialog",
    { class: "dialog", "aria-labelledby": "people-title", "data-testid": "people-dialog" },
    h("div", { class: "stack" }, h("div", { class: "dialog-head" }, h("h2", { id: "people-title" }, t("people")), close), count, topic, roomAbout(session, room.id), error, lists),
  );

  const refused = (refusal) => {
    error.textContent = errorText(refusal);
  };

  const attempt = (work) => async ({ currentTarget: button }) => {
    button.disabled = true;
    error.textContent = "";
    try {
      await work();
    } catch (refusal) {
      refused(refusal);
      enable(button);
    }
  };

  const invited = h("input", { name: "username", required: true, placeholder: t("username"), "aria-label": t("username"), autocapitalize: "none", autocomplete: "off", "data-testid": "invite-name" });
  const invitation = h(
    "form",
    { class: "invite-row", hidden: !(isDirect || may.has("invite")), onsubmit: (event) => void onInvite(event) },
    invited,
    h("button", { class: "primary" }, t(isDirect ? "people.add" : "people.inviteDo")),
  );
  suggestPeople(invited, places);
  dialog.firstChild.append(invitation, isDirect ? h("p", { class: "muted" }, t("people.addHint")) : "");

  async function talk(asked) {
    const direct = await asked;
    dialog.close();
    open(direct);
  }

  async function onInvite(event) {
    event.preventDefault();
    error.textContent = "";
    const name = String(new FormData(invitation).get("username")).trim();
    try {
      if (isDirect) await talk(session.directWith(room.id, name));
      else {
        await session.inviteByName(room.id, name);
        invitation.reset();
        await fill();
      }
    } catch (refusal) {
      refused(refusal);
    }
  }

  function member({ id, name, username, role, bot }) {
    if (id === me.id) return person(all, { id, name, username, role }, h("span", { class: "muted" }, t("people.you")));
    const ban = () =>
      askBan(name, async (given) => {
        await session.ban(room.id, id, given);
        await fill();
      });
    const label = t("room.menuOf", { name });
    const mayBan = may.has("moderate") && outranks(me.role, room.role, role);
    return person(
      all,
      { id, name, username, role, bot },
      action(t("message.privately", { name }), ICONS.person, "talk", attempt(() => talk(session.direct(id)))),
      h("menu-button", {
        "data-label": label,
        "data-floating": true,
        button: h("button", { class: "round", type: "button", title: label, "aria-label": label, "data-testid": "person-menu" }, icon(ICONS.more)),
        items: () => [mayBan && { label: t("ban"), icon: ICONS.ban, testid: "ban", danger: true, run: ban }, blockItem(all, { id, name }, refused)],
      }),
    );
  }

  function candidate({ id, name, username }) {
    const invite = async () => {
      await session.invite(room.id, id);
      await fill();
    };
    return person(all, { id, name, username }, action(t("people.inviteName", { name }), ICONS.plus, "invite", attempt(invite)));
  }

  /** How many there are: those of a large room are not all listed. */
  async function countAll() {
    const { member_count: all } = await session.about(room.id);
    count.textContent = t("people.count", { count: all, number: new Intl.NumberFormat(locale()).format(all) });
  }

  async function fill() {
    countAll().catch(() => {}); // the list tells of the same refusal
    const shown = members.show();
    const people = room.kind === "private" && may.has("invite") ? await session.acquaintances(room.id) : [];
    known.replaceChildren();
    if (people.length) known.append(h("h3", {}, t("people.invite")), h("ul", {}, ...people.map(candidate)));
    await shown;
  }

  const onPresence = ({ detail }) => {
    for (const [id, online] of Object.entries(detail.users)) mark(lists, id, online);
  };
  session.addEventListener("presence", onPresence);
  dialog.addEventListener("close", () => {
    session.removeEventListener("presence", onPresence);
    session.watchPresence(room.id, []).catch(() => {});
  });

  followPeople(dialog, lists, all);
  show(dialog);
  await fill().catch(refused);
}

/** By name, if all of them are here; the server lists those of a larger room by their ids. */
function byName(page, after) {
  const { compare } = new Intl.Collator(locale());
  return after || page.after ? page : { ...page, items: [...page.items].sort((one, other) => compare(one.name, other.name)) };
}

function mark(lists, id, online) {
  for (const row of lists.querySelectorAll(".person")) {
    if (row.dataset.user !== id) continue;
    row.classList.toggle("online", online);
    row.querySelector(".presence").textContent = online ? t("people.online") : "";
  }
}

function person(all, user, ...rest) {
  const row = h("li", { class: "person", "data-user": user.id }, ...personParts(user), h("span", { class: "presence visually-hidden" }), ...rest);
  drawPerson(row, all);
  return row;
}

function action(label, path, testid, onclick) {
  return h("button", { class: "round", type: "button", title: label, "aria-label": label, "data-testid": testid, onclick }, icon(path));
}
