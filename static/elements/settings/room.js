/**
 * The settings of a room: its name, topic and description, its members with their roles, and the parts of plugins. What
 * is offered comes from the reader's roles; the server decides by itself.
 */

import { h } from "../../lib/dom.js";
import { errorText, formatAge, t } from "../../lib/i18n.js";
import { applies } from "../../lib/places.js";
import { outranks, rightsIn } from "../../lib/rights.js";
import { roomTitle } from "../../lib/titles.js";
import { avatar } from "../avatar.js";
import { askBan } from "../ban-dialog.js";
import { botMark } from "../bot-mark.js";
import { askDeletion } from "../delete-room-dialog.js";
import { ask } from "../dialogs.js";
import "../later-texts.js";
import { leaveRoom } from "../leave-room.js";
import { PlacedParts } from "../placed-parts.js";
import "../settings-sheet.js";
import { bans } from "./bans.js";
import { field, form } from "./form.js";
import { listing } from "./listing.js";
import "./room-texts.js";

const ROLES = ["owner", "admin", "member"];
const POSTING = ["everyone", "moderators"];
const EDIT_HISTORY = { none: "edits.none", moderators: "edits.moderators", members: "edits.members" };
const SLOW_SECONDS = [0, 5, 10, 30, 60, 300, 900, 3600, 21_600];

/**
 * Fills the panel, and again when the room is archived or restored, or of another kind; returns what ends it. `view` is
 * as in `room-panels.js`, and the element of the room.
 */
export function fill(element, view) {
  const { store } = view;
  const state = () => {
    const room = store.room(view.room);
    return room && `${room.kind} ${room.archived}`;
  };
  let shown = state();
  let end = sections(element, view);
  const onChange = () => {
    const now = state() ?? shown;
    if (now === shown) return;
    shown = now;
    const focused = element.contains(document.activeElement) ? document.activeElement.dataset.testid : null;
    end();
    element.replaceChildren();
    end = sections(element, view);
    if (focused) element.querySelector(`[data-testid="${focused}"]`)?.focus();
  };
  store.addEventListener("change", onChange);
  return () => {
    store.removeEventListener("change", onChange);
    end();
  };
}

function sections(element, view) {
  const { places, store } = view;
  const may = rightsIn(store.me, store.room(view.room));
  const parts = h("div", { class: "stack" });
  const placed = new PlacedParts(parts, { room: view.room });
  const draw = () => placed.show(added(view));
  const onChange = ({ detail }) => detail.place === "room.settings/v1" && draw();
  places.addEventListener("change", onChange);
  draw();
  const shown = [may.has("change") && about(view), (may.has("appoint") || may.has("moderate")) && members(view, may), parts, may.has("change_kind") && opening(view), may.has("archive") && archiving(view), may.has("leave") && leave(view), may.has("delete_room") && deleting(view)];
  element.append(h("div", { class: "stack room-settings" }, ...shown.filter(Boolean)));
  return () => places.removeEventListener("change", onChange);
}

function about({ session, store, room: id }) {
  const { name, topic, kind, posting, slowMode, editHistory } = store.room(id);
  const options = POSTING.map((each) => h("option", { value: each, selected: each === posting }, t(`posting.${each}`)));
  const paces = [...new Set([...SLOW_SECONDS, slowMode])].sort((a, b) => a - b);
  const slow = paces.map((each) => h("option", { value: String(each), selected: each === slowMode }, each ? formatAge(each) : t("room.slowOff")));
  const edits = Object.entries(EDIT_HISTORY).map(([each, text]) => h("option", { value: each, selected: each === editHistory }, t(text)));
  let before = { posting, slow: slowMode, edits: editHistory }; // else a new name would undo what another moderator chose meanwhile
  const description = h("textarea", { name: "description", rows: "6", maxlength: "4000", dir: "auto", disabled: true, "data-testid": "room-settings-description" });
  const describing = field({ name: "description", label: t("room.description"), hint: t("room.descriptionHint"), input: description });
  let told = null; // the description as the server has it, once that is known
  session.description(id).then(
    (text) => {
      description.value = text;
      told = description.value; // with line breaks as browsers have them
      description.disabled = false;
    },
    (refusal) => {
      describing.querySelector("[data-fault]").textContent = errorText(refusal);
    },
  );
  return h(
    "section",
    { class: "stack" },
    h("p", { class: "muted" }, `${t(`room.${kind}`)}: ${t(`room.${kind}Hint`)}`),
    form({
      testid: "room-settings",
      fields: [
        field({ name: "name", label: t("room.name"), value: name, required: true, maxlength: "80", "data-testid": "room-settings-name" }),
        field({ name: "topic", label: t("room.topic"), value: topic, maxlength: "1000", "data-testid": "room-settings-topic" }),
        describing,
        field({ name: "posting", label: t("posting"), hint: t("posting.hint"), input: h("select", { name: "posting", "data-testid": "room-settings-posting" }, ...options) }),
        field({ name: "slow", label: t("room.slowMode"), hint: t("room.slowHint"), input: h("select", { name: "slow", "data-testid": "room-settings-slow" }, ...slow) }),
        field({ name: "edits", label: t("edits"), hint: t("edits.hint"), input: h("select", { name: "edits", "data-testid": "room-settings-edits" }, ...edits) }),
      ],
      save: async ({ posting: chosen, slow: pace, edits: seen, description: text, ...values }) => {
        const now = { posting: chosen, slow: Number(pace), edits: seen };
        if (now.posting !== before.posting) values.posting = now.posting;
        if (now.slow !== before.slow) values.slow_mode = now.slow;
        if (now.edits !== before.edits) values.edit_history = now.edits;
        if (told !== null && text !== told) values.description = text;
        await session.change(id, values);
        before = now;
        if (told !== null) told = text;
      },
    }),
  );
}

function members({ session, store, room: id }, may) {
  const { role: mine } = store.room(id);
  const fault = h("p", { class: "form-error", role: "alert", "data-testid": "member-error" });
  const said = h("p", { class: "muted", role: "status", "data-testid": "member-done" });
  const list = listing({ load, row, empty: "", testid: "room-members" });

  async function load(after) {
    const page = await session.memberPage(id, after);
    return { items: page.members, after: page.more ? page.after : null };
  }

  /** Does it; a refusal is shown, and the list is read again, so that it says what holds. */
  async function attempt(work) {
    fault.textContent = said.textContent = "";
    try {
      await work();
      said.textContent = t("settings.saved");
    } catch (refusal) {
      fault.textContent = errorText(refusal);
    }
    await list.reload();
  }

  async function remove({ id: user, name }) {
    if (!(await ask(t("room.removeConfirm", { name }), t("room.remove")))) return;
    await attempt(() => session.removeMember(id, user));
  }

  function ban({ id: user, name }) {
    askBan(name, async (given) => {
      await session.ban(id, user, given);
      said.textContent = t("ban.done", { name });
      await Promise.all([list.reload(), banned?.reload()]);
    });
  }

  function row(member) {
    const { id: user, name, role, bot } = member;
    const isMe = user === store.me.id;
    const onchange = ({ currentTarget }) => void attempt(() => session.appoint(id, user, currentTarget.value));
    const select = h("select", { "aria-label": t("role.of", { name }), "data-testid": "member-role", onchange }, ...ROLES.map((each) => h("option", { value: each, selected: each === role }, t(`role.${each}`))));
    const removal = may.has("moderate") && !isMe && outranks(store.me.role, mine, role);
    return h(
      "li",
      { "data-testid": "room-member", "data-user": user },
      avatar({ id: user, name }),
      h("span", { class: "row-main", dir: "auto" }, name, botMark({ bot }), isMe && h("small", { class: "muted" }, ` ${t("people.you")}`)),
      may.has("appoint") && !bot ? select : h("small", { class: "muted" }, t(`role.${role}`)),
      removal && h("button", { class: "quiet", type: "button", "aria-label": `${t("room.remove")}: ${name}`, "data-testid": "member-remove", onclick: () => void remove(member) }, t("room.remove")),
      removal && h("button", { class: "quiet", type: "button", "aria-label": t("ban.title", { name }), "data-testid": "member-ban", onclick: () => ban(member) }, t("ban")),
    );
  }

  const invitation = form({
    testid: "room-invite",
    action: t("people.inviteDo"),
    fields: [field({ name: "username", label: t("username"), required: true, autocapitalize: "none", spellcheck: "false", "data-testid": "room-invite-name" })],
    done: t("room.invited"),
    save: async ({ username }) => {
      await session.inviteByName(id, username.trim());
      invitation.reset();
      await list.reload();
    },
  });

  const banned = may.has("moderate") ? bans({ session, room: id }) : null;
  void list.reload();
  const people = h("section", { class: "stack", "aria-label": t("people") }, h("h3", {}, t("people")), may.has("invite") && invitation, fault, said, list.node);
  return h("div", { class: "stack" }, people, banned?.node);
}

/** To make a public room private, or a private one public. */
function opening({ session, store, room: id }) {
  const isPublic = store.room(id).kind === "public";
  const fault = h("p", { class: "form-error", role: "alert", "data-testid": "room-kind-error" });
  const action = t(isPublic ? "room.makePrivate" : "room.makePublic");
  const onclick = async () => {
    fault.textContent = "";
    const name = roomTitle(store.room(id));
    if (!(await ask(isPublic ? t("room.makePrivateConfirm", { name }) : t("room.makePublicConfirm", { name }), action))) return;
    try {
      await session.change(id, { kind: isPublic ? "private" : "public" });
    } catch (refusal) {
      fault.textContent = errorText(refusal);
    }
  };
  return h(
    "section",
    { class: "stack" },
    h("p", { class: "muted" }, t(isPublic ? "room.makePrivateLead" : "room.makePublicLead")),
    h("div", {}, h("button", { class: "quiet", type: "button", "data-testid": "room-kind", onclick: () => void onclick() }, action)),
    fault,
  );
}

/** To archive the room, or to restore it. */
function archiving({ session, store, room: id }) {
  const { archived } = store.room(id);
  const fault = h("p", { class: "form-error", role: "alert", "data-testid": "room-archive-error" });
  const onclick = async () => {
    fault.textContent = "";
    if (!archived && !(await ask(t("room.archiveConfirm", { name: roomTitle(store.room(id)) }), t("room.archive")))) return;
    try {
      await session.archive(id, !archived);
    } catch (refusal) {
      fault.textContent = errorText(refusal);
    }
  };
  return h(
    "section",
    { class: "stack" },
    h("p", { class: "muted" }, t(archived ? "room.archivedLead" : "room.archiveLead")),
    h("div", {}, h("button", { class: "quiet", type: "button", "data-testid": archived ? "room-restore" : "room-archive", onclick: () => void onclick() }, t(archived ? "room.restore" : "room.archive"))),
    fault,
  );
}

/** To delete the room for good. */
function deleting({ session, store, room: id }) {
  const onclick = () => askDeletion(store.room(id).name, () => session.deleteRoom(id));
  return h(
    "section",
    { class: "stack" },
    h("p", { class: "muted" }, t("room.deleteLead")),
    h("div", {}, h("button", { class: "danger", type: "button", "data-testid": "room-delete", onclick }, t("room.delete"))),
  );
}

function leave(view) {
  const { session, store, room: id } = view;
  const fault = h("p", { class: "form-error", role: "alert", "data-testid": "room-leave-error" });
  const onclick = async () => {
    fault.textContent = "";
    try {
      if (await leaveRoom({ session, store, room: id })) view.dispatchEvent(new CustomEvent("room-closed", { bubbles: true }));
    } catch (refusal) {
      fault.textContent = errorText(refusal);
    }
  };
  return h("section", { class: "stack" }, h("div", {}, h("button", { class: "quiet", type: "button", "data-testid": "room-settings-leave", onclick: () => void onclick() }, t("room.leave"))), fault);
}

function added({ store, places, room: id }) {
  const about = { room: store.room(id), me: store.me };
  return places.in("room.settings/v1").filter((item) => applies(item, about));
}
