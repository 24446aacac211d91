/** What events change in a message. No DOM. */

/** A function that returns a message as it is after the event; null if events of this kind change none. */
export function changeBy(event) {
  switch (event.ev) {
    case "message.edited":
      return (message) => ({ ...message, ...edited(event) });
    case "message.deleted":
      return (message) => ({ ...message, body: "", data: {}, deleted: true, reactions: {} });
    case "reaction.added":
    case "reaction.removed":
      return (message) => ({ ...message, reactions: reacted(message, event.emoji, event.author.id, event.ev === "reaction.added") });
    case "pin.added":
    case "pin.removed":
      return (message) => ({ ...message, pinned: event.ev === "pin.added" });
    default:
      return null;
  }
}

/** An edit has the whole content. With `edited_at` only the data changed; "" if the text never did. */
function edited({ body, data = {}, data_text = "", at, edited_at: editedAt = at }) {
  return { body, data, data_text, edited_at: editedAt };
}

/** Ids of the users who reacted so. An emoji is any text, also one that every object has a property of. */
export function reactedBy({ reactions }, emoji) {
  return reactions && Object.hasOwn(reactions, emoji) ? reactions[emoji] : [];
}

function reacted(message, emoji, user, on) {
  const others = reactedBy(message, emoji).filter((id) => id !== user);
  const users = on ? [...others, user] : others;
  const { [emoji]: _, ...rest } = message.reactions ?? {};
  return users.length ? { ...rest, [emoji]: users } : rest;
}
