/**
 * What a signed-in user asks the server for, one method each. What else changes by that comes as events. No DOM.
 *
 * Fires "presence" ({users: {id: online}}) and "note" ({room, text}: for me alone).
 */

import { clientId } from "./ids.js";
import { threadsOf } from "./shapes.js";

const LISTED = 50; // members, or rooms to join, on a page of a list
const ROOMS_ASKED = 20; // for people to invite
const WATCHED = 200; // users whose presence the server tells to one connection
const READ_EVERY_MS = 500;
export const MOST_ASKED = 100; // messages in a question about threads

export class Requests extends EventTarget {
  #api;
  #connection;
  #store;
  #refresh;
  #open;
  #reading = new Map();
  /** @type {{room: string, users: string[]} | null} */
  #watched = null;
  /** @type {{room: string, text: string, client_id: string} | null} */
  #called = null; // the command whose answer is awaited, or was lost

  /** `refresh()` brings the list of rooms up to date, `open(room)` loads the messages of one. */
  constructor({ api, connection, store, refresh, open }) {
    super();
    this.#api = api;
    this.#connection = connection;
    this.#store = store;
    this.#refresh = refresh;
    this.#open = open;
    this.addEventListener("ready", () => this.#watched && this.#askPresence(this.#watched).catch(() => {}));
  }

  /** Tells the server at once, and then at most twice a second how far it has come meanwhile. */
  markRead(id) {
    const seq = this.#store.markRead(id);
    if (seq === null) return;
    if (this.#reading.has(id)) this.#reading.set(id, seq);
    else this.#tellRead(id, seq);
  }

  #tellRead(id, seq) {
    this.#connection.request("read", { room: id, seq }).catch(() => {});
    this.#reading.set(id, null);
    setTimeout(() => {
      const later = this.#reading.get(id);
      this.#reading.delete(id);
      if (later === null) return;
      this.#store.readTo(id, later); // a list of rooms may have come meanwhile
      this.#tellRead(id, later);
    }, READ_EVERY_MS);
  }

  /** Resolves with the new room's id, once it is in the store. */
  async create(wanted) {
    const { id } = await this.#connection.request("create", wanted);
    await this.#refresh();
    return id;
  }

  /** The room with one other user; there is only ever one. */
  direct(user) {
    return this.create({ kind: "direct", members: [user] });
  }

  async directByName(username) {
    return this.direct((await this.#api.user(username)).id);
  }

  /** The room with the users of these names, with commas or blanks between them. */
  async directByNames(names) {
    const each = names.split(/[\s,，、]+/u).map((name) => name.replace(/^[@＠]/u, ""));
    const users = await Promise.all(each.filter(Boolean).map((name) => this.#api.user(name)));
    return this.create({ kind: "direct", members: users.map(({ id }) => id) });
  }

  /** The room with somebody besides those of a direct one, which stays as it is. */
  async directWith(room, username) {
    const { other, others } = this.#store.room(room);
    const { id } = await this.#api.user(username);
    return this.create({ kind: "direct", members: [...others, ...(other ? [other] : []), id] });
  }

  async inviteByName(room, username) {
    await this.invite(room, (await this.#api.user(username)).id);
  }

  /** A page of a room that one may read without being in it, around a seq, or (null) the newest; the store does not have it. */
  preview(room, around) {
    return this.#connection.request("history", { room, limit: LISTED, ...(around !== null && { around }) });
  }

  /** Brings a room that I may read into the store, though no list of mine has it. */
  async visit(room) {
    this.#store.visit(await this.#connection.request("room", { room }));
  }

  /** `[{id, name, username, role}, …]`, at most a thousand. */
  async members(room) {
    return (await this.#connection.request("members", { room })).members;
  }

  /** A page of them, `{members, more, after}`. */
  memberPage(room, after) {
    return this.#connection.request("members", { room, after });
  }

  /** Texts of a message that it got before the seq `before` (null: all), the newest first: `{versions, more}`. */
  edits(room, message, before) {
    return this.#connection.request("edits", { room, message, before });
  }

  /** Gives a member another role in the room. */
  async appoint(room, user, role) {
    await this.#connection.request("role", { room, user, role });
  }

  /** Keeps somebody out of a room, for `seconds` or (null) for good. */
  async ban(room, user, { reason, seconds }) {
    await this.#connection.request("ban", { room, user, reason, seconds });
  }

  async unban(room, user) {
    await this.#connection.request("unban", { room, user });
  }

  /** A page of the bans in force, `{items, after}`; `after` is null on the last page. */
  async bans(room, after = "") {
    const { bans, after: next } = await this.#connection.request("bans", { room, after, limit: LISTED });
    return { items: bans, after: next ?? null };
  }

  async removeMember(room, user) {
    await this.#connection.request("kick", { room, user });
  }

  /** A page of pinned messages, `{items: [{message, by, at}, …], after}`; `after` is null on the last page. */
  async pins(room, after = "") {
    const { pins, after: next } = await this.#connection.request("pins", { room, after });
    return { items: pins, after: next ?? null };
  }

  /** A page of the thread that a message begins, or is a reply in: `{root, messages, head, more}`, the newest before a seq. */
  thread(room, message, before = null) {
    return this.#connection.request("thread", { room, message, before });
  }

  /** How many replies there are to each of these messages, and the last ones: `{ID: {count, seq, at, authors}}`. */
  async threadsOf(room, messages) {
    return threadsOf(await this.#connection.request("threads", { room, messages }));
  }

  /** A page of members with a text in their names, of all if it is empty: `{items, after}`; the last has no `after`. */
  async findMembers(room, text, after = "") {
    const { members, after: next } = await this.#connection.request("members", { room, text, after, limit: LISTED });
    return { items: members, after: next };
  }

  /** A page of public rooms to join with a text in their name or topic: `{items, after}`; the last has no `after`. */
  async findRooms(text, after = "") {
    // A blank is looked for in no name: all are found.
    const { rooms, after: next } = await this.#connection.request("rooms", { text: text || " ", after, limit: LISTED });
    return { items: rooms, after: next };
  }

  /** From now on "presence" tells who of these members is online, as far as the server tells it of so many. */
  async watchPresence(room, users) {
    const wanted = { room, users: users.slice(0, WATCHED) };
    this.#watched = users.length ? wanted : null;
    await this.#askPresence(wanted);
  }

  async #askPresence(wanted) {
    const { users } = await this.#connection.request("presence", wanted);
    this.dispatchEvent(new CustomEvent("presence", { detail: { users } }));
  }

  /** People of my other rooms who are not in this one. */
  async acquaintances(room) {
    const others = this.#store.joined().filter(({ id }) => id !== room).slice(0, ROOMS_ASKED);
    const [here, ...elsewhere] = await Promise.all([room, ...others.map(({ id }) => id)].map((id) => this.members(id)));
    const known = new Map(elsewhere.flat().map((member) => [member.id, member]));
    for (const { id } of here) known.delete(id);
    return [...known.values()];
  }

  /** A room with what lists leave out: `description`, `member_count`, `may_mention_all`. */
  about(room) {
    return this.#connection.request("room", { room });
  }

  /** The text that says what a room is about; empty without one. */
  async description(room) {
    return (await this.about(room)).description ?? "";
  }

  /** Changes `name`, `topic`, `description`, `kind`, who may write (`posting`) and how often (`slow_mode`, in seconds), who sees edits (`edit_history`); what is left out stays. */
  async change(room, fields) {
    await this.#connection.request("change", { room, ...fields });
  }

  /** Archives a room, so that it can only be read, or restores it. */
  async archive(room, archived) {
    await this.#connection.request("archive", { room, archived });
  }

  /** Deletes a room for good, for everybody. */
  async deleteRoom(room) {
    await this.#connection.request("delete_room", { room });
  }

  async invite(room, user) {
    await this.#connection.request("invite", { room, user });
  }

  async join(room) {
    await this.#connection.request("join", { room });
    await this.#refresh();
    await this.#open(room);
  }

  async leave(room) {
    const known = this.#store.room(room);
    if (known) known.leaving = true;
    try {
      await this.#connection.request("leave", { room });
      this.#store.forgetMessages(room);
      await this.#refresh();
    } finally {
      if (known) known.leaving = false;
    }
  }

  /** Messages of the rooms I am in, or of one (id), newest first: `{messages, cursor, partial}`; `before` is the cursor of the page before. */
  search(text, { before = null, room = null } = {}) {
    return this.#connection.request("search", { text, before, room });
  }

  /** The commands that I may run in a room: `[{name, usage, about, who}, …]`. */
  async commands(room) {
    return (await this.#connection.request("commands", { room })).commands;
  }

  /** Suggestions for a command that is being typed: `[{text, label, about}, …]`. */
  async complete(room, text) {
    return (await this.#connection.request("complete", { room, text })).suggestions;
  }

  /** Runs `/name arguments`; a note for me goes into the store. Run again after a lost connection, it is the same call. */
  async runCommand(room, text) {
    const before = this.#called;
    const again = before?.room === room && before?.text === text;
    const call = again ? before : { room, text, client_id: clientId() };
    this.#called = call;
    try {
      const outcome = await this.#connection.request("command", call);
      if (outcome.text) this.#note(room, text, outcome.text);
    } catch (error) {
      if (error.code === "connection.lost") throw error;
      this.#called = null;
      throw error;
    }
    this.#called = null;
  }

  #note(room, command, text) {
    this.#store.addNote(room, { command, text });
    this.dispatchEvent(new CustomEvent("note", { detail: { room, text } }));
  }

  edit(room, message, body) {
    return this.#connection.request("edit", { room, message, body });
  }

  remove(room, message) {
    return this.#connection.request("delete", { room, message });
  }

  react(room, message, emoji, on) {
    return this.#connection.request(on ? "react" : "unreact", { room, message, emoji });
  }

  /** Uses a button, menu or form of a message; the plugin's answer is shown with the message. */
  async interact(room, message, part, values) {
    const { note } = await this.#connection.request("interact", { room, message, part, values });
    this.#store.setNote(room, message, note);
  }

  pin(room, message, on) {
    return this.#connection.request(on ? "pin" : "unpin", { room, message });
  }
}
