/**
 * The entries of a room's message list, in order: days, the "new messages" line, messages, notes. An entry that did
 * not change is the same object as before, so that comparing it is comparing two references. No DOM.
 */

const GROUP_MS = 5 * 60_000; // messages of one author this close to the first of them share its head

const NOBODY = { blocked: new Set(), unfolded: new Set() };
const NO_THREADS = (_id) => null;

export class Timeline {
  #known = new Map(); // by key
  #days = new WeakMap(); // of messages: `{ms, day}`

  /**
   * `[{kind: "day", key, at} | {kind: "new", key} | {kind: "message", key, message, grouped, folded, quoted, quoteFolded,
   * thread, last} | {kind: "replies", key, count} | {kind: "note", key, note}, …]` of a room of the store. `outgoing` are entries
   * of the outbox; a message keeps its key from there into the log. `quoted` is the message that is answered, if it is here.
   * Folded are texts of those who are `blocked` (a set of ids of users), but for the messages that are `unfolded` (a set of
   * ids). `last` is there, and true, for the reader's own last message in the room. `summaryOf(id)` is what is told of the thread beneath a message, or null. In a thread, `root` is the id of the
   * message at its beginning, which the number of replies follows.
   */
  entries(state, outgoing, me, { blocked, unfolded } = NOBODY, summaryOf = NO_THREADS) {
    const { messages, newFrom, moreBefore, moreAfter, refused, notes = [], prev = messages[0]?.seq, root = null, count = 0 } = state;
    const folds = ({ id, author, deleted = false }) => blocked.has(author.id) && !unfolded.has(id) && !deleted;
    const covered = (seq) => (!moreBefore || prev <= seq) && (!moreAfter || seq < messages.at(-1)?.seq);
    const shown = merged(messages, outgoing.map((entry) => this.#own(entry, me)), refused, covered, moreAfter);
    const waiting = notes.filter((note) => covered(note.after));
    const found = new Map(messages.map((message) => [message.id, message]));
    const lastOwn = moreAfter || root !== null ? null : messages.findLast(({ author, deleted }) => author.id === me.id && !deleted);
    const entries = [];
    /** @type {{author: string, day: string} | null} */
    let before = null; // `{author, day}` of the message before
    let head = 0; // when the first message of the group was posted
    let lineDue = newFrom !== null && (!moreBefore || prev <= newFrom);
    let apart = false; // from the message before
    for (const message of shown) {
      while (waiting.length && follows(message, waiting[0])) {
        entries.push(noted(waiting.shift()));
        apart = true;
      }
      const { ms, day: ownDay } = this.#dayOf(message);
      // The clock of this browser, which dates messages on their way, may be wrong.
      const day = before && message.seq === undefined ? before.day : ownDay;
      const isNewDay = before?.day !== day;
      if (isNewDay) entries.push({ kind: "day", key: `day-${day}-${message.seq ?? 0}`, at: new Date(ms) });
      const isFirstNew = lineDue && message.seq > newFrom && message.author.id !== me.id && !blocked.has(message.author.id);
      if (isFirstNew) {
        entries.push({ kind: "new", key: "new" });
        lineDue = false;
      }
      const isClose = before?.author === message.author.id && ms - head < GROUP_MS;
      const isOfThread = Boolean(message.thread) && root === null; // and stands in the room, too
      const grouped = !isNewDay && !isFirstNew && !apart && !isOfThread && !message.reply_to && !message.reply_to_unsent && isClose;
      if (!grouped) head = ms;
      const quoted = message.reply_to ? found.get(message.reply_to) : undefined;
      const thread = message.seq && !message.thread ? summaryOf(message.id) : null;
      entries.push({ kind: "message", key: keyOf(message), message, grouped, folded: folds(message), quoted, quoteFolded: quoted !== undefined && folds(quoted), thread, ...(message === lastOwn && { last: true }) });
      before = { author: message.author.id, day };
      apart = isOfThread || message.id === root;
      if (message.id === root && count) entries.push({ kind: "replies", key: "replies", count });
    }
    return this.#kept([...entries, ...waiting.map(noted)]);
  }

  /** The same objects as the last time, where nothing changed. */
  #kept(entries) {
    const known = new Map();
    for (const [place, entry] of entries.entries()) {
      const old = this.#known.get(entry.key);
      if (old && (isSame(old, entry) || (entry.kind === "day" && old.kind === "day"))) entries[place] = old;
      known.set(entry.key, entries[place]);
    }
    this.#known = known;
    return entries;
  }

  /** A message of mine on its way. The outbox changes its entries. */
  #own(entry, me) {
    const message = { ...entry, author: me };
    const old = this.#known.get(keyOf(message))?.message;
    return old && isSame(old, message) ? old : message;
  }

  #dayOf(message) {
    const known = this.#days.get(message);
    if (known) return known;
    const at = new Date(message.at);
    const found = { ms: at.getTime(), day: at.toDateString() };
    this.#days.set(message, found);
    return found;
  }
}

/** Refused messages stand where they were refused, those on their way at the end of the room. */
function merged(messages, outgoing, refused, covered, moreAfter) {
  const placed = outgoing.filter(({ client_id }) => refused?.has(client_id));
  const rest = moreAfter ? [] : outgoing.filter(({ client_id }) => !refused?.has(client_id));
  if (placed.length === 0) return [...messages, ...rest];
  const due = placed.filter(({ client_id }) => covered(refused.get(client_id)));
  due.sort((a, b) => refused.get(a.client_id) - refused.get(b.client_id));
  const all = [];
  for (const message of messages) {
    while (due.length && refused.get(due[0].client_id) < message.seq) all.push(due.shift());
    all.push(message);
  }
  return [...all, ...due, ...rest];
}

/** Messages on their way have no place in the log yet, only a time of this browser, as notes have. */
function follows({ seq, at }, note) {
  return seq === undefined ? at > note.at : seq > note.after;
}

function noted(note) {
  return { kind: "note", key: `note-${note.id}`, note };
}

function isSame(one, other) {
  const names = Object.keys(one);
  return names.length === Object.keys(other).length && names.every((name) => one[name] === other[name]);
}

function keyOf({ author, client_id }) {
  return `${author.id}-${client_id}`;
}
