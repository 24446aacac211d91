/** The entries of a room's message list, in order: days, the "new messages" line, messages, notes. No DOM. */

const GROUP_MS = 5 * 60_000; // messages of one author closer than this share one head

/**
 * `[{kind: "day", key, at} | {kind: "new", key} | {kind: "message", key, message, grouped} | {kind: "note", key, note}, …]`.
 * `outgoing` are entries of the outbox; a message keeps its key from there into the log.
 */
export function timeline({ messages, newFrom, outgoing, me, notes = [] }) {
  const items = [];
  const waiting = [...notes];
  /** @type {any} */
  let before = null;
  let lineDue = newFrom !== null;
  for (const message of [...messages, ...outgoing.map((entry) => ({ ...entry, author: me }))]) {
    let apart = false;
    while (waiting.length && follows(message, waiting[0])) {
      items.push(noted(waiting.shift()));
      apart = true;
    }
    const at = new Date(message.at);
    const newDay = before === null || new Date(before.at).toDateString() !== at.toDateString();
    if (newDay) items.push({ kind: "day", key: `day-${at.toDateString()}`, at });
    const first = lineDue && message.seq > newFrom && message.author.id !== me.id;
    if (first) {
      items.push({ kind: "new", key: "new" });
      lineDue = false;
    }
    const grouped = !newDay && !first && !apart && !message.reply_to && continues(before, message);
    items.push({ kind: "message", key: keyOf(message), message, grouped });
    before = message;
  }
  return [...items, ...waiting.map(noted)];
}

/** Messages on their way have no place in the log yet, only a time of this browser, as notes have. */
function follows({ seq, at }, note) {
  return seq === undefined ? at > note.at : seq > note.after;
}

function noted(note) {
  return { kind: "note", key: `note-${note.id}`, note };
}

function continues(before, message) {
  return (
    before !== null &&
    before.author.id === message.author.id &&
    Date.parse(message.at) - Date.parse(before.at) < GROUP_MS
  );
}

function keyOf({ author, client_id }) {
  return `${author.id}-${client_id}`;
}
