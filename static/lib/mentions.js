/** Whom messages mention. No DOM. */

export const EVERYBODY = "@room"; // among the ids of those who are mentioned: all members of the room
const WIDE = /(?<![\p{L}\p{M}\p{N}_@.-])@(?:room|here)(?![\p{L}\p{M}\p{N}_]|[.-]+[\p{L}\p{M}\p{N}_])/iu;

/** Whether a message mentions this user (id), by name or with everybody. */
export function isMentioned({ mentions = [] }, user) {
  return mentions.includes(user) || mentions.includes(EVERYBODY);
}

/** Whether a text names everybody in its room, or those who are online there. */
export function namesMany(body) {
  return WIDE.test(body);
}
