/**
 * What to offer to somebody by their roles: on the server, and in a room (null: not a member). The server decides
 * by itself (`chatserver/service/rights.py`); a test compares the two. No DOM.
 */

const PARTICIPANT = ["read", "post", "edit", "delete", "react", "interact"];
const MEMBER = [...PARTICIPANT, "leave", "invite", "mention_all"];
const ADMIN = [...MEMBER, "pin", "moderate", "change"];
const OWNER = [...ADMIN, "appoint", "archive", "delete_room", "change_kind"];
const VISITOR = ["read", "join", "interact"];
const STEWARD = ["pin", "moderate", "change", "appoint", "archive", "delete_room"];
const ARCHIVED = ["read", "leave", "delete", "moderate", "appoint", "archive", "delete_room"]; // what an archived room leaves
const WRITING = ["post", "edit"]; // take the right to moderate in a room where only moderators write
const BY_ROLE = { member: MEMBER, admin: ADMIN, owner: OWNER };
const RANK = { member: 1, admin: 2, owner: 3 };
const SERVER_RANK = { guest: 0, member: 1, admin: 2, owner: 3 };

/** Whether this role on the server is one of its staff. */
export function isStaff(serverRole) {
  return SERVER_RANK[serverRole] >= SERVER_RANK.admin;
}

/** The names of the rights, as a set. */
export function roomRights(serverRole, kind, role, archived = false, posting = "everyone") {
  const held = rights(serverRole, kind, role);
  if (archived) return new Set(held.filter((right) => ARCHIVED.includes(right)));
  const isSilent = posting === "moderators" && kind !== "direct" && !held.includes("moderate");
  return new Set(isSilent ? held.filter((right) => !WRITING.includes(right)) : held);
}

/** The rights of a user in a room of the store. */
export function rightsIn(me, { kind, role, archived, posting }) {
  return roomRights(me.role, kind, role, archived, posting);
}

function rights(serverRole, kind, role) {
  if (role === null) {
    if (kind !== "public" || serverRole === "guest") return [];
    return isStaff(serverRole) ? [...VISITOR, ...STEWARD] : VISITOR;
  }
  if (kind === "direct") return [...PARTICIPANT, "pin"];
  if (serverRole === "guest") return [...PARTICIPANT, "leave"];
  if (isStaff(serverRole)) return [...BY_ROLE[role], ...ADMIN, ...(kind === "public" ? STEWARD : [])];
  return BY_ROLE[role];
}

/** Whether somebody with these roles may remove a member with the role `theirs` from a room. */
export function outranks(serverRole, role, theirs) {
  if (isStaff(serverRole)) return true;
  return role === "owner" || (RANK[role] ?? 0) > RANK[theirs];
}

/** Whether staff with this role may decide who gets into an account with the role `theirs`, not their own. */
export function rulesAccount(serverRole, theirs) {
  return serverRole === "owner" || (serverRole === "admin" && SERVER_RANK[theirs] < SERVER_RANK.admin);
}
