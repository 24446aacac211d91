/**
 * The page's state: rooms, their messages, unread counts, typing users. It takes events, returns state,
 * and fires "change" ({room: id or null for the list, only: "typing" or "read" if nothing else changed, else null}),
 * "blocked" ({}: I block others than before), "logged" ({event}: one of a room's log was applied) and "forgotten" ({room}:
 * its messages are not here any more), "answered" ({message, note}: a plugin, to me alone). It sends no requests. No DOM.
 */

import { Attached } from "./attached.js";
import { changeBy } from "./changes.js";
import { isMentioned } from "./mentions.js";
import { NONE } from "./preferences.js";
import { addAfter, addBefore, addNew, change, isInRoom, noMessages, replaceWith, shrink } from "./window.js";

export const TYPING_MS = 5_000;
const PASSING = new Set(["typing", "presence", "read"]); // not in the log; the seq of a `read` is a marker
const STEWARDS = new Set(["owner", "admin"]); // of a room, or of the server
const LEFT_MESSAGES = 150; // kept of a room that was left, around where one read
const LEFT_ROOMS = 20; // of which messages are kept; those left before them load again
const KEPT_NOTES = 20;
const LATELY = 50; // messages that an answer or a marker may be older than

/** The fields of a room that the page uses, from the server's description of it. */
function described(said) {
  const { id, name = "", kind = "public", topic = "", joined = true, role = null, head = 0, archived = false } = said;
  const { posting = "everyone", slow_mode: slowMode = 0, edit_history: editHistory = "none", other = null, others = [] } = said;
  return { id, name: name ?? "", kind, topic: topic ?? "", joined, role, head, archived, posting, slowMode, editHistory, other, others };
}

/** Drops messages that the room keeps no longer: those below a seq. */
function expire(room, from) {
  if (room.messages[0]?.seq < from) Object.assign(room, { messages: room.messages.filter(({ seq }) => seq >= from), moreBefore: false });
}

function freshRoom() {
  return {
    read: 0,
    movedAt: 0, // the number of the move of `read`
    readAtFirst: null, // the marker as it stood when the room came
    unread: 0,
    mentions: 0,
    lastSeq: null, // last event seen: where the next subscription resumes
    countedTo: 0, // the server's unread count covers the log up to here
    lately: [], // the last messages that were counted here, `{seq, author, isMention}`
    ...noMessages(),
    restored: false, // the messages are those of an earlier visit, and the server has not been asked since
    opened: false, // somebody looks at it, or did
    leaving: false, // I leave it by myself, or was told that I am in it no longer
    notes: [], // answers for me alone, which are in no log: `{id, at, after: the seq that they follow, command, text}`
    newFrom: null, // where the "new messages" line stands
    typing: new Map(),
    held: null, // the seq at which somebody reads further up
    thread: null, // the id of the root whose thread is open beside the room
    place: null, // where one read when the room was left, `{seq, offset: px below the upper edge}`; null: at the end
    refused: new Map(), // by client_id, the seq after which a message of mine that was refused stands
    attached: new Attached(), // to the draft
    wanted: null, // the seq of a message that somebody wants to see
    prefers: NONE, // what I prefer of it
    status: null, // of a direct room, that of the other one
  };
}

export class RoomsStore extends EventTarget {
  /** @type {{id: string, name: string, role: string} | null} */
  me = null;
  rooms = new Map();
  isKnown = false; // whether the server has told the rooms
  blocked = new Set(); // ids of those whom I block
  #lastNote = 0;
  #moves = 0; // of markers
  #preferences = new Map(); // by room, those of rooms that are not here too
  #visited = new Map(); // by id, as the server described them: rooms that I look at, and that are on no list of mine
  #left = []; // ids of rooms, in the order in which they were left

  reset(me = null) {
    this.me = me;
    this.isKnown = false;
    this.blocked = new Set();
    this.#preferences = new Map();
    this.#visited.clear();
    for (const id of [...this.rooms.keys()]) this.#forget(id);
    this.#changed(null);
  }

  /** I am the same, by another name. */
  renamed(me) {
    this.me = me;
    this.#changed(null);
  }

  room(id) {
    return this.rooms.get(id);
  }

  joined() {
    return [...this.rooms.values()].filter((room) => room.joined);
  }

  /** Whether I may change the room's name and topic. What the server says counts; this is what to offer. */
  maySteer(id) {
    const room = this.rooms.get(id);
    return room?.kind !== "direct" && [room?.role, this.me?.role].some((role) => STEWARDS.has(role));
  }

  /** Whether the room has people to list: not that of two, or for notes. */
  hasPeople(id) {
    const room = this.rooms.get(id);
    return room?.kind !== "direct" || room.others.length > 0;
  }

  /** Whether nothing is to be begun there: an archived room, or a direct one with somebody whom I block. */
  isClosed(id) {
    const room = this.rooms.get(id);
    return Boolean(room?.archived || this.blocked.has(room?.other));
  }

  /** Whether I may pin messages there. What the server says counts; this is what to offer. */
  mayPin(id) {
    const room = this.rooms.get(id);
    return !room?.archived && (room?.kind === "direct" || [room?.role, this.me?.role].some((role) => STEWARDS.has(role)));
  }

  /** How often something has been read here. A snapshot that is asked for now knows of no more. */
  get moves() {
    return this.#moves;
  }

  /** The answer of the `rooms` operation: rooms it leaves out are gone. `moves` are those of when it was asked for. */
  applySnapshot(list, moves = this.#moves) {
    for (const { id } of list) this.#visited.delete(id);
    const all = [...list, ...this.#visited.values()];
    const names = new Set(all.map(({ id }) => id));
    for (const id of [...this.rooms.keys()]) if (!names.has(id)) this.#forget(id);
    for (const said of all) this.#describe(said, moves);
    this.isKnown = true;
    this.#changed(null);
  }

  /** A room that I may read, as the server describes it, though no list of mine has it. */
  visit(said) {
    this.#visited.set(said.id, said);
    this.#describe(said);
    this.#changed(null);
  }

  /** Shows what `Kept.read` returned, until the server has said what is there now. */
  restore({ epoch, rooms, pages, blocked = [] }) {
    this.blocked = new Set(blocked);
    for (const said of rooms) {
      if (said.prefers) this.#preferences.set(said.id, said.prefers);
      this.#describe(said);
      const page = pages.get(said.id);
      if (page?.epoch !== epoch) continue; // of another log
      const { messages, complete, seq } = page;
      const here = { ...noMessages(), messages, moreBefore: !complete, prev: messages[0]?.seq ?? seq + 1, next: seq, repliesFrom: seq };
      Object.assign(this.rooms.get(said.id), here, { lastSeq: seq, loaded: true, restored: true });
    }
    this.#changed(null);
  }

  /** The rooms whose messages are those of an earlier visit. The server is asked for what came since, so none is from now on. */
  restored() {
    const found = [...this.rooms.values()].filter(({ restored, loaded }) => restored && loaded);
    for (const room of found) room.restored = false;
    return found;
  }

  /** A room was deleted: it leaves the list at once. Returns it, or null if it is not there. */
  drop(id) {
    const room = this.rooms.get(id);
    if (!room) return null;
    this.#visited.delete(id);
    this.#forget(id);
    this.#changed(null);
    return room;
  }

  /** The room is gone, and so is what was to be sent to it. */
  #forget(id) {
    this.rooms.get(id).attached.clear();
    this.rooms.delete(id);
    this.dispatchEvent(new CustomEvent("forgotten", { detail: { room: id } }));
  }

  #describe(said, moves = this.#moves) {
    const known = this.rooms.get(said.id);
    const room = Object.assign(known ?? freshRoom(), described(said));
    const isAhead = room.movedAt > moves && room.read > (said.read ?? 0); // read while the server counted
    if (!isAhead) room.read = said.read ?? room.read;
    room.readAtFirst ??= room.read;
    const most = isAhead ? Math.max(0, room.head - room.read) : Infinity;
    const later = this.#counted(room, Math.max(room.head, room.read)); // they came while the server counted
    room.unread = Math.min(said.unread ?? 0, most) + later.length;
    room.mentions = Math.min(said.mentions ?? 0, most) + later.filter(({ isMention }) => isMention).length;
    room.countedTo = room.head;
    room.prefers = this.prefers(room.id);
    if (!room.joined) Object.assign(room, { lastSeq: null, unread: 0, mentions: 0, leaving: false });
    this.rooms.set(room.id, room);
  }

  /** What I prefer of a room, whether it is here or not. */
  prefers(id) {
    return this.#preferences.get(id) ?? NONE;
  }

  /** What I prefer of all rooms, by id; nothing of those that are left out. */
  applyPreferences(all) {
    this.#preferences = all;
    for (const room of this.rooms.values()) room.prefers = this.prefers(room.id);
    this.#changed(null);
  }

  prefer(id, preferences) {
    this.#preferences.set(id, preferences);
    const room = this.rooms.get(id);
    if (!room) return;
    room.prefers = preferences;
    this.#changed(id);
  }

  /** The other one of a direct room has this status, or null. */
  say(id, status) {
    this.rooms.get(id).status = status;
    this.#changed(id);
  }

  /** Where to resume each room that I am in. Without loaded messages there is nothing to miss before the head. */
  positions() {
    return Object.fromEntries(
      this.joined().map((room) => [room.id, room.loaded && room.lastSeq !== null ? room.lastSeq : room.head]),
    );
  }

  subscribed(id, seq) {
    const room = this.rooms.get(id);
    if (room) room.lastSeq = seq;
  }

  /** I block these people (ids), and nobody else. Returns whether that is another set than before. */
  block(users) {
    if (users.size === this.blocked.size && [...users].every((user) => this.blocked.has(user))) return false;
    this.blocked = users;
    this.#changed(null);
    this.dispatchEvent(new CustomEvent("blocked"));
    return true;
  }

  /** The log that the messages came from is not the server's any more. */
  forgetMessages(id) {
    const room = this.rooms.get(id);
    if (!room) return;
    Object.assign(room, noMessages(), { lastSeq: null, lately: [], place: null, restored: false });
    this.dispatchEvent(new CustomEvent("forgotten", { detail: { room: id } }));
    this.#changed(id);
  }

  /**
   * A page of history as the server gives it, with `more_before` always. `{before: SEQ}` and `{after: SEQ}` say what was
   * asked for: such pages are added to what is here; others replace it.
   * @param {string} id
   * @param {any} page
   * @param {{before?: number, after?: number}} asked
   */
  applyPage(id, page, asked = {}) {
    const { before, after } = asked;
    const room = this.rooms.get(id);
    if (!room) return;
    if (before !== undefined) addBefore(room, page, before);
    else if (after !== undefined) addAfter(room, page, after);
    else {
      replaceWith(room, page);
      if (room.restored) Object.assign(room, { restored: false, lastSeq: page.head }); // nothing is of an earlier visit now
    }
    this.#changed(id);
  }

  /** The room is not shown any more. `place`: where one read, as in the room; null at the end. */
  leave(id, place) {
    const room = this.rooms.get(id);
    if (!room) return;
    Object.assign(room, { held: null, place });
    shrink(room, LEFT_MESSAGES, place?.seq ?? null);
    this.#left = [...this.#left.filter((each) => each !== id), id];
    while (this.#left.length > LEFT_ROOMS) {
      const oldest = this.rooms.get(this.#left.shift());
      if (oldest) Object.assign(oldest, noMessages());
    }
  }

  /** The room is shown again. */
  enter(id) {
    this.#left = this.#left.filter((each) => each !== id);
  }

  /** Remembers after which message each of mine was refused; it stays there. `outgoing`: all of them in the room. */
  placeRefused(id, outgoing) {
    const room = this.rooms.get(id);
    if (!room) return;
    const failed = outgoing.filter(({ state }) => state === "failed");
    const seq = room.lastSeq ?? room.head;
    room.refused = new Map(failed.map(({ client_id: id, after }) => [id, after ?? room.refused.get(id) ?? seq]));
  }

  addNote(id, { command, text }, at = new Date().toISOString()) {
    const room = this.rooms.get(id);
    if (!room) return;
    this.#lastNote += 1;
    room.notes.push({ id: this.#lastNote, at, after: room.lastSeq ?? room.head, command, text });
    room.notes.splice(0, room.notes.length - KEPT_NOTES);
    this.#changed(id);
  }

  dropNote(id, note) {
    const room = this.rooms.get(id);
    if (!room) return;
    room.notes = room.notes.filter((each) => each.id !== note);
    this.#changed(id);
  }

  /** Somebody chose this message among those that a search has found. */
  want(id, seq) {
    const room = this.rooms.get(id);
    if (!room) return;
    room.wanted = seq;
    this.#changed(id);
  }

  /** Returns "hole" when an event before this one is missing; then nothing was applied. */
  applyEvent(event, now = Date.now()) {
    const room = this.rooms.get(event.room);
    if (!room) return "unknown";
    if (PASSING.has(event.ev)) {
      this.#applyPassing(room, event, now);
      this.#changed(room.id, event.ev === "read" ? "read" : "typing");
      return "applied";
    }
    if (room.lastSeq !== null && event.seq <= room.lastSeq) return "repeat";
    if (room.lastSeq !== null && event.seq > room.lastSeq + 1) return "hole";
    room.lastSeq = event.seq;
    room.head = Math.max(room.head, event.seq);
    this.#applyLogged(room, event);
    this.#changed(room.id, "event");
    this.dispatchEvent(new CustomEvent("logged", { detail: { event } }));
    return "applied";
  }

  #applyPassing(room, event, now) {
    if (event.ev === "typing" && event.user.id !== this.me?.id) {
      room.typing.set(event.user.id, { name: event.user.name, until: now + TYPING_MS });
    } else if (event.ev === "read") {
      this.#readTo(room, event.seq); // read on another connection of mine
    }
  }

  /** Events of other kinds, known or new, change nothing here. */
  #applyLogged(room, event) {
    const changed = changeBy(event);
    if (changed) {
      change(room, event.message, changed);
      return null;
    }
    switch (event.ev) {
      case "message.posted":
        return this.#posted(room, event);
      case "member.changed":
        return event.user.id === this.me?.id && Object.assign(room, { role: event.role });
      case "room.changed":
        expire(room, event.kept_from ?? 0);
        return Object.assign(room, { name: event.name ?? room.name, kind: event.kind ?? room.kind, topic: event.topic ?? "", archived: event.archived ?? false, posting: event.posting ?? "everyone", slowMode: event.slow_mode ?? 0, editHistory: event.edit_history ?? "none" });
      default:
        return null;
    }
  }

  #posted(room, event) {
    const { ev: _, ...message } = event;
    room.typing.delete(event.author.id);
    addNew(room, message, room.held);
    if (!isInRoom(event) || this.#isIgnored(event.author) || event.seq <= room.countedTo || event.seq <= room.read) return;
    const isMention = isMentioned(event, this.me?.id);
    room.lately = [...room.lately, { seq: event.seq, author: event.author, isMention }].slice(-LATELY);
    room.unread += 1;
    if (isMention) room.mentions += 1;
  }

  /** The messages after a seq that were counted here. */
  #counted(room, seq) {
    return room.lately.filter((message) => message.seq > seq && !this.#isIgnored(message.author));
  }

  /** An answer to me alone about a message; no other client has it. */
  setNote(id, messageId, note) {
    const room = this.rooms.get(id);
    if (!room) return;
    if (change(room, messageId, (message) => ({ ...message, note: note ?? "" }))) this.#changed(id);
    this.dispatchEvent(new CustomEvent("answered", { detail: { message: messageId, note: note ?? "" } }));
  }

  /** Everything seen is read. Returns the seq to tell the server, or null when it knows. */
  markRead(id) {
    const room = this.rooms.get(id);
    if (!room?.joined || room.lastSeq === null) return null;
    const seq = Math.max(room.lastSeq, room.countedTo);
    if (seq <= room.read && room.unread === 0) return null;
    this.#readTo(room, seq);
    this.#changed(id, "read");
    return seq;
  }

  /** It is read up to a seq, as the server is told only now. */
  readTo(id, seq) {
    const room = this.rooms.get(id);
    if (!room) return;
    this.#readTo(room, seq);
    this.#changed(id, "read");
  }

  #readTo(room, seq) {
    if (seq < room.read) return;
    room.read = seq;
    room.movedAt = ++this.#moves;
    const here = room.messages.filter((message) => message.seq > seq && !this.#isIgnored(message.author));
    const later = Math.max(here.length, this.#counted(room, seq).length); // of a room that was not opened, none is here
    room.unread = seq >= room.head ? 0 : Math.min(room.unread, later);
    if (room.unread === 0) room.mentions = 0;
  }

  /** Whether messages of this author are never unread. */
  #isIgnored({ id }) {
    return id === this.me?.id || this.blocked.has(id);
  }

  /** Fixes the "new messages" line where reading stopped. */
  placeNewLine(id) {
    const room = this.rooms.get(id);
    if (room) room.newFrom = room.unread > 0 ? room.read : null;
  }

  /** The seq at which somebody reads further up in a room; null if nobody does. */
  hold(id, seq) {
    const room = this.rooms.get(id);
    if (room) room.held = seq;
  }

  /** Names of those typing now, and when the next of them falls silent (or null). */
  typingIn(id, now = Date.now()) {
    const typing = this.rooms.get(id)?.typing ?? new Map();
    for (const [user, { until }] of typing) if (until <= now) typing.delete(user);
    const current = [...typing].filter(([user]) => !this.blocked.has(user)).map(([, each]) => each);
    return {
      names: current.map(({ name }) => name),
      until: current.length ? Math.min(...current.map(({ until }) => until)) : null,
    };
  }

  /**
   * @param {string | null} room
   * @param {"event" | "typing" | "read" | null} only what changed it: an event of its log, or of those beside it
   */
  #changed(room, only = null) {
    this.dispatchEvent(new CustomEvent("change", { detail: { room, only } }));
  }
}
