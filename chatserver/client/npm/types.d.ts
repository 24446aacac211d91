/** Written by docs/generate.py, from what the server sends and takes: see docs/protocol.md. */

/** Tells a user's other connections what the user prefers of clients: new texts by key, null for one that is gone. */
export interface AccountPreferencesChanged {
  ev: "account.preferences";
  values: Record<string, string | null>;
}

/** How an argument is typed, and what it becomes: one word, except for `rest`, which takes what is left. */
export type ArgumentKind = "choice" | "number" | "rest" | "room" | "text" | "user" | "whole" | "yes_no";

/** An argument of a command. `kind` says how it is typed; with `choices`, it is one of them. */
export interface ArgumentView {
  name: string;
  kind: ArgumentKind;
  required: boolean;
  choices?: string[];
}

/** Somebody may not come back into a room `until` a time (RFC 3339), or for good; `reason` is for them to read. */
export interface Ban {
  reason?: string;
  until?: string | null;
}

/** Bans by ascending user id; if there are `more`, the next page is `after` that of the answer. */
export interface BanList {
  bans: BanView[];
  more?: boolean;
  after?: string | null;
}

/** A ban in force: of `user`, by `by`, since `at`, `until` a time or for good. */
export interface BanView {
  user: UserRef;
  by: UserRef;
  at: string;
  reason?: string;
  until?: string | null;
}

/** Tells a user's other connections that the user blocks somebody (id) from now on, or does not any more. */
export interface BlockChanged {
  ev: "blocked";
  user: string;
  blocked: boolean;
}

/** Those whom the user blocks, the latest first. */
export interface BlockList {
  users: BlockedUser[];
}

/** A user who is blocked since `at`. */
export interface BlockedUser {
  id: string;
  name: string;
  username: string;
  at: string;
}

/** The seq of the event, or the room's head if nothing had to be changed. */
export interface Changed {
  seq: number;
}

export interface CommandList {
  commands: CommandView[];
}

/** The outcome of a command: a note for the user alone, the place of a message that it posted, or neither. `dup` is
 * true if this repeats an earlier call. */
export interface CommandOutcome {
  text?: string | null;
  message?: string | null;
  seq?: number | null;
  dup?: boolean;
}

/** A command that a user may run in a room. `who` is the lowest role that may: `room.` or `server.` and the name of a
 * role there. */
export interface CommandView {
  name: string;
  usage: string;
  about: string | Record<string, string>;
  who: string;
  arguments: ArgumentView[];
}

/** Who sees what the messages of a room said before they were edited. Authors see their own, unless nobody does. */
export type EditHistory = "members" | "moderators" | "none";

/** An empty answer. */
export type Empty = Record<string, never>;

/** An error, the same on every transport. */
export interface ErrorBody {
  code: string;
  message: string;
  retry: "later" | "never" | "refresh";
  after_ms?: number | null;
  detail?: Record<string, unknown>;
}

/** Events by ascending seq; fewer than asked for if the page would have been too large. With a `gap` they do not follow
 * on the seq that was asked for: what comes in between is older than the room keeps. */
export interface EventPage {
  events: (MessagePosted | MessageEdited | MessageDeleted | ReactionAdded | ReactionRemoved | PinAdded | PinRemoved | MemberJoined | MemberLeft | MemberChanged | RoomChanged | PluginEvent | EventRemoved | UnknownEvent)[];
  head: number;
  gap?: boolean;
}

/** The place of an event that the room kept for its time: nothing else is left of it. `at` and the author's id and name
 * are empty. Only below `RoomChanged.kept_from`, where people are shown no events. */
export interface EventRemoved {
  ev: "event.removed";
  room: string;
  seq: number;
  at: string;
  author: UserRef;
}

/** The outcome of following one room. `count` events are replayed before it is live. */
export interface Followed {
  state: string;
  head: number;
  count?: number | null;
  error?: ErrorBody | null;
}

export interface FollowedRooms {
  rooms: Record<string, Followed>;
}

/** Messages, newest first. `cursor`, if there may be more, is the `before` of the next page. `partial`: an index is
 * still being made, so older messages may be missing. */
export interface Found {
  messages: Message[];
  cursor?: string | null;
  partial?: boolean;
}

/** The outcome of an interaction. `note` is for the user alone; `seq` that of a change of the message. */
export interface Interacted {
  note?: string | null;
  seq?: number | null;
}

/** The member `user` has another role. */
export interface MemberChanged {
  ev: "member.changed";
  room: string;
  seq: number;
  at: string;
  author: UserRef;
  user: UserRef;
  role: RoomRole;
}

/** `user` joined with this role; if `author` is another user, that user added them. */
export interface MemberJoined {
  ev: "member.joined";
  room: string;
  seq: number;
  at: string;
  author: UserRef;
  user: UserRef;
  role: RoomRole;
}

/** `user` left; if `author` is another user, that user removed them. With a `ban` they are also kept out, members or
 * not. It ends at its time, or by the next event about them. */
export interface MemberLeft {
  ev: "member.left";
  room: string;
  seq: number;
  at: string;
  author: UserRef;
  user: UserRef;
  ban?: Ban | null;
}

/** Members of a room. `more`: there are further ones, and `after` is the place where their page begins. */
export interface MemberList {
  members: MemberView[];
  more?: boolean;
  after?: string | null;
}

/** A user in a room. `online`: the user has a connection to any node, or had one a moment ago. `bot` as in `User`.
 * `username` is what others type to mention the user, or to write to them alone. `status` as in `User`. */
export interface MemberView {
  id: string;
  name: string;
  role: RoomRole;
  online: boolean;
  bot?: boolean;
  username?: string;
  status?: Status;
}

/** A message after all changes to it. A deleted message keeps its place, not its text and data. `reactions` maps an
 * emoji to the ids of the users who chose it, in order. `edited_at` is the time of the last change of the text.
 * `thread`, `broadcast`, `data` and `data_text` are those of `message.posted`. */
export interface Message {
  id: string;
  room: string;
  seq: number;
  author: UserRef;
  at: string;
  body: string;
  client_id: string;
  reactions: Record<string, string[]>;
  reply_to?: string | null;
  thread?: string | null;
  broadcast?: boolean;
  mentions?: string[];
  edited_at?: string | null;
  deleted?: boolean;
  pinned?: boolean;
  data?: Record<string, unknown>;
  data_text?: string;
}

/** The message `message` is deleted. It keeps its place, and stays deleted. */
export interface MessageDeleted {
  ev: "message.deleted";
  room: string;
  seq: number;
  at: string;
  author: UserRef;
  message: string;
}

/** The message `message` has another text or other data; these are its text and data from here on. `mentions` are those
 * of the text, as user ids. If only the data changed, `edited_at` is the time of the last edit of the text, empty if
 * there was none. `data`, `data_text` and `redacted` as in `MessagePosted`. */
export interface MessageEdited {
  ev: "message.edited";
  room: string;
  seq: number;
  at: string;
  author: UserRef;
  message: string;
  body: string;
  mentions?: string[];
  redacted?: boolean;
  data?: Record<string, unknown>;
  data_text?: string;
  edited_at?: string | null;
}

/** A message. `mentions` holds user ids, and "@room" for everybody in it; `reply_to` a message id of the same room.
 * `thread` is the id of the message, of the same room, under which it is a reply of a thread; a `broadcast` one is
 * shown in the room as well. `data` holds what plugins, and clients by their rules, add to the text: a value for each
 * namespace. `data_text` is its text for search, and for clients that cannot show the data. `redacted`: the text was
 * edited, deleted or removed since; `body`, `mentions`, `data` and `data_text` are empty. */
export interface MessagePosted {
  ev: "message.posted";
  room: string;
  seq: number;
  at: string;
  author: UserRef;
  id: string;
  body: string;
  client_id: string;
  reply_to?: string | null;
  thread?: string | null;
  broadcast?: boolean;
  mentions?: string[];
  redacted?: boolean;
  data?: Record<string, unknown>;
  data_text?: string;
}

/** Whether each requested user is online; users who are not members are left out. */
export interface OnlineMembers {
  users: Record<string, boolean>;
}

/** One's own status as it is now; null is none. */
export interface OwnStatus {
  status: Status | null;
}

/** Messages by ascending seq, and the room's head when they were read. `more`: older messages were left out because the
 * page would have been too large. A page around a seq or after one has `more_before` and `more_after`: whether there
 * are older messages, and newer ones. `after` is the seq after which the next page begins if there may be newer
 * messages. */
export interface Page {
  messages: Message[];
  head: number;
  more?: boolean;
  more_before?: boolean | null;
  more_after?: boolean | null;
  after?: number | null;
}

/** The message `message` is pinned. */
export interface PinAdded {
  ev: "pin.added";
  room: string;
  seq: number;
  at: string;
  author: UserRef;
  message: string;
}

/** Pinned messages, the last pinned first; if there may be further ones, the next page is `after` that of the answer.
 * */
export interface PinList {
  pins: PinView[];
  after?: string | null;
}

/** The message `message` is pinned no longer. */
export interface PinRemoved {
  ev: "pin.removed";
  room: string;
  seq: number;
  at: string;
  author: UserRef;
  message: string;
}

/** A pinned message as it stands, who pinned it, and when. */
export interface PinView {
  message: Message;
  by: UserRef;
  at: string;
}

/** Something that a plugin noted in the room. `type` begins with the plugin's name, as in `poll.closed`. The server
 * itself notes `chatserver.erased` where it takes a deleted account out of the events before: with the id of the
 * `user`, and in `messages` with `anonymise` or, if the texts go too, `redact`. */
export interface PluginEvent {
  ev: "plugin.event";
  room: string;
  seq: number;
  at: string;
  author: UserRef;
  type: string;
  payload?: unknown;
}

/** Tells something of a plugin, which gives it a `name`. A client that is not connected misses it. */
export interface PluginNotice {
  ev: "plugin.notice";
  plugin: string;
  name: string;
  payload?: unknown;
}

/** Tells that commands, parts of the page or ways to sign in may have come or gone: ask for them again. */
export interface PluginsChanged {
  ev: "plugins.changed";
}

/** Who may write messages in a room: all its members, or only those who moderate it. */
export type Posting = "everyone" | "moderators";

/** Tells a user's other connections what the user prefers of a room. */
export interface PreferencesChanged {
  ev: "preferences";
  room: string;
  preferences: RoomPreferences;
}

/** Rooms by ascending id; if there are `more`, the next page is `after` that of the answer. The first page has those of
 * the account, too: texts by key. */
export interface PreferencesPage {
  account?: Record<string, string>;
  rooms: Record<string, RoomPreferences>;
  more?: boolean;
  after?: string | null;
}

/** Tells a watching connection which users have come online, or gone offline. */
export interface PresenceNow {
  ev: "presence";
  users: Record<string, boolean>;
}

/** `author` reacts to the message `message` with `emoji`. */
export interface ReactionAdded {
  ev: "reaction.added";
  room: string;
  seq: number;
  at: string;
  author: UserRef;
  message: string;
  emoji: string;
}

/** `author` takes the reaction `emoji` to the message `message` back. */
export interface ReactionRemoved {
  ev: "reaction.removed";
  room: string;
  seq: number;
  at: string;
  author: UserRef;
  message: string;
  emoji: string;
}

/** Tells a user's other connections how far the user has read. */
export interface ReadMoved {
  ev: "read";
  room: string;
  seq: number;
}

/** Tells a user's connections that the user is in a room now. */
export interface RoomAdded {
  ev: "room.added";
  room: string;
  name: string | null;
  kind: RoomKind;
  head: number;
}

/** The room's complete description from here on. The first event of every room. `topic` is a line, `description` a text
 * of several lines that says what the room is about. An `archived` room is kept for reading: nothing is posted,
 * changed, or joined there. `posting` says who may write. With a `slow_mode` a member who does not moderate sends one
 * message in so many seconds. `edit_history` says who sees earlier texts of messages, as far as they were replaced
 * after the seq `edits_since`, by which that was chosen. What is older than the room keeps has been removed: of the
 * messages with a seq below `kept_from` only pinned ones are left. A `deleted` room exists for nobody any more, and has
 * lost its contents; such a description is private, archived and without a name, so that servers and clients that do
 * not know the field hide the room. */
export interface RoomChanged {
  ev: "room.changed";
  room: string;
  seq: number;
  at: string;
  author: UserRef;
  name: string | null;
  kind: RoomKind;
  topic?: string;
  description?: string;
  archived?: boolean;
  posting?: Posting;
  slow_mode?: number;
  edit_history?: EditHistory;
  edits_since?: number;
  kept_from?: number;
  deleted?: boolean;
}

/** The kind of a room: decides which users find it, and which may join it. */
export type RoomKind = "direct" | "private" | "public";

/** Rooms; `more`, if there are further ones, is the `after` of the next page. */
export interface RoomList {
  rooms: RoomView[];
  more?: boolean;
  after?: string | null;
}

/** What a user prefers of a room; a key is left out where it is false or empty. `favourite`: listed first. `section`:
 * the user's own heading for it in the list. `muted`: nothing is told of it, except mentions. `unread`: marked by the
 * user, to read it later. `watched`: the user is told of every message, not only of mentions and replies, unless it is
 * muted. */
export interface RoomPreferences {
  favourite?: boolean;
  section?: string;
  muted?: boolean;
  unread?: boolean;
  watched?: boolean;
}

/** Tells a user's connections that the user is in a room no longer; with a `ban`, and may not come back. `deleted`: the
 * room is gone for everybody. */
export interface RoomRemoved {
  ev: "room.removed";
  room: string;
  ban?: Ban | null;
  deleted?: boolean;
}

/** A member's role in a room, strongest first. */
export type RoomRole = "admin" | "member" | "owner";

/** A room as one user sees it. The `name` of a direct room is that of the other user, whose id is `other`; of several,
 * those of all `others` (ids). An `archived` room can only be read. `posting` says who may write; with a `slow_mode`,
 * who does not moderate sends one message in so many seconds. `edit_history` says who sees what messages said before
 * they were edited. Lists leave the `description` out, as it is long: it is there when the room is asked for by itself,
 * as are the `member_count`, and `may_mention_all`: whether `@room` and `@here` of the user reach anybody there. */
export interface RoomView {
  id: string;
  name: string | null;
  kind: RoomKind;
  head: number;
  topic?: string;
  description?: string;
  joined?: boolean;
  role?: RoomRole | null;
  read?: number | null;
  unread?: number | null;
  mentions?: number | null;
  archived?: boolean;
  posting?: Posting;
  slow_mode?: number;
  edit_history?: EditHistory;
  other?: string | null;
  others?: string[];
  member_count?: number | null;
  may_mention_all?: boolean;
}

/** What a token of a bot is for. Without any, it shows only that its bot is there. */
export type Scope = "moderate" | "read" | "rooms" | "write";

/** The answer to `send`. `dup` is true if this repeats an earlier send. */
export interface Sent {
  id: string;
  seq: number;
  at: string;
  dup?: boolean;
}

/** A user's role on the server, strongest first. */
export type ServerRole = "admin" | "guest" | "member" | "owner";

export interface SignedIn {
  user: User;
  epoch: string;
}

/** What a user says of themselves for a while: an emoji, a short text, or both. It ends at `until` (RFC 3339). */
export interface Status {
  emoji?: string;
  text?: string;
  until?: string | null;
}

/** Tells the user, and those who follow a room that the user is in, of another status; null is none. */
export interface StatusChanged {
  ev: "status";
  user: string;
  status: Status | null;
}

/** Statuses by user id; users without one are left out. */
export interface StatusList {
  users: Record<string, Status>;
}

/** A suggestion: `text` is the whole text of the command with it, `label` is what to show in a list. */
export interface Suggested {
  text: string;
  label: string;
  about?: string | Record<string, string>;
}

export interface Suggestions {
  suggestions: Suggested[];
}

/** The threads of messages that have one, by the id of the message. */
export interface ThreadList {
  threads: Record<string, ThreadView>;
}

/** A thread: its root and replies by ascending seq, as they stand, and the room's head when they were read. `more`:
 * there are older replies. */
export interface ThreadPage {
  root: Message;
  messages: Message[];
  head: number;
  more?: boolean;
}

/** A thread as its root shows it: number of replies, seq and time of the newest, and who wrote the newest three.
 * `authors` has the last one first, each once. A deleted reply keeps its place, and counts. */
export interface ThreadView {
  count: number;
  seq: number;
  at: string;
  authors: UserRef[];
}

/** Tells the others in a room that somebody is typing. */
export interface TypingNow {
  ev: "typing";
  room: string;
  user: UserRef;
}

/** An event that only a newer version can read: `unknown` is its `ev`, `fields` has its other fields. */
export interface UnknownEvent {
  ev: "event.unknown";
  room: string;
  seq: number;
  at: string;
  author: UserRef;
  unknown: string;
  fields: Record<string, unknown>;
}

/** An account. `at` is the time when it was made (RFC 3339, UTC, milliseconds). A deleted account is a shell with an
 * id, so that its messages have an author. `bot` is there, and true, for the account of a machine. `status` is there if
 * the user has set one that has not ended. `scopes` is there for a bot that acts by one of its tokens, wherever that is
 * about what it may do: it is no part of the account. */
export interface User {
  id: string;
  username: string;
  name: string;
  role: ServerRole;
  at: string;
  disabled?: boolean;
  deleted?: boolean;
  bot?: boolean;
  status?: Status;
  scopes?: Scope[];
}

/** A user as events show one: the id, and the name at that time. `bot` is there, and true, for a machine. */
export interface UserRef {
  id: string;
  name: string;
  bot?: boolean;
}

/** A text that a message had from `at` on, by the event `seq` of its room. */
export interface Version {
  seq: number;
  at: string;
  body: string;
}

/** Texts of a message, the newest first; `more`: there are older ones. */
export interface VersionPage {
  versions: Version[];
  more?: boolean;
}

/** An event of a room's log. */
export type ChatEvent =
  | MessagePosted
  | MessageEdited
  | MessageDeleted
  | ReactionAdded
  | ReactionRemoved
  | PinAdded
  | PinRemoved
  | MemberJoined
  | MemberLeft
  | MemberChanged
  | RoomChanged
  | PluginEvent
  | EventRemoved
  | UnknownEvent;

/** What happens outside the logs. */
export type Notice =
  | TypingNow
  | PresenceNow
  | StatusChanged
  | ReadMoved
  | PreferencesChanged
  | AccountPreferencesChanged
  | BlockChanged
  | RoomAdded
  | RoomRemoved
  | PluginNotice
  | PluginsChanged;

/** What an error of the server may have as its code. */
export type ErrorCode =
  | "request.invalid"
  | "request.unknown_op"
  | "request.too_large"
  | "request.cut"
  | "request.not_found"
  | "request.header_too_large"
  | "request.uri_too_long"
  | "request.version"
  | "request.host"
  | "request.method"
  | "request.media_type"
  | "request.origin"
  | "auth.required"
  | "auth.invalid"
  | "auth.address"
  | "auth.closed"
  | "auth.challenge"
  | "auth.confirm"
  | "auth.flow"
  | "auth.last"
  | "auth.refused"
  | "auth.scope"
  | "auth.unavailable"
  | "user.exists"
  | "user.not_found"
  | "user.forbidden"
  | "user.blocked"
  | "user.unreachable"
  | "user.last_owner"
  | "room.not_found"
  | "room.forbidden"
  | "room.last_owner"
  | "room.archived"
  | "room.moderators_only"
  | "room.slow_mode"
  | "room.banned"
  | "message.not_found"
  | "action.refused"
  | "message.refused"
  | "message.data_invalid"
  | "message.part_not_found"
  | "message.client_id_reused"
  | "command.unknown"
  | "command.forbidden"
  | "command.invalid"
  | "limit.rate"
  | "limit.size"
  | "limit.connections"
  | "limit.count"
  | "limit.space"
  | "blob.none"
  | "blob.not_found"
  | "blob.too_large"
  | "blob.broken_picture"
  | "blob.offset"
  | "blob.busy"
  | "blob.unavailable"
  | "mail.none"
  | "store.unavailable"
  | "plugin.failed"
  | "plugin.absent"
  | "plugin.busy"
  | "plugin.fixed"
  | "plugin.invalid"
  | "server.draining"
  | "server.internal";

/** The operations by name: what each takes, and what it answers. */
export interface Operations {
  /** Sign in on a connection that was opened without cookie or header. */
  auth: {
    fields: {
      token: string;
    };
    answer: SignedIn;
  };
  /** The rooms the user is in, with positions, and public ones to join (`joined` false). By ascending id, at most
   * `limit` of both together; without it at most 1,000 joined and 500 public ones. If the answer has `more`, its
   * `after` leads to the next page. With `text`, only public rooms to join that have it in their name or topic; a page
   * may have none, and yet `more`. Public rooms that are archived are listed to their members alone, unless `archived`
   * asks for all of them. */
  rooms: {
    fields: {
      after?: string;
      limit?: number | null;
      text?: string;
      archived?: boolean;
    };
    answer: RoomList;
  };
  /** Follow rooms: from the last seq seen, or from now on if that is null. */
  sub: {
    fields: {
      rooms: Record<string, number | null>;
      epoch?: string | null;
    };
    answer: FollowedRooms;
  };
  /** Stop following rooms. */
  unsub: {
    fields: {
      rooms: string[];
    };
    answer: Empty;
  };
  /** Post a message, or a reply in the `thread` of a message; with `broadcast` it is shown in the room as well. If the
   * client_id is repeated, the answer is the first message. */
  send: {
    fields: {
      room: string;
      client_id: string;
      body: string;
      reply_to?: string | null;
      thread?: string | null;
      broadcast?: boolean;
      data?: Record<string, unknown> | null;
    };
    answer: Sent;
  };
  /** Change the text of one of the user's own messages. Its data stays, except in the namespaces of `data`; null there
   * removes the old value. */
  edit: {
    fields: {
      room: string;
      message: string;
      body: string;
      data?: Record<string, unknown> | null;
    };
    answer: Changed;
  };
  /** Delete one of the user's own messages, or as a moderator another user's. */
  delete: {
    fields: {
      room: string;
      message: string;
    };
    answer: Changed;
  };
  /** Add a reaction. */
  react: {
    fields: {
      room: string;
      message: string;
      emoji: string;
    };
    answer: Changed;
  };
  /** Take back one of the user's own reactions. */
  unreact: {
    fields: {
      room: string;
      message: string;
      emoji: string;
    };
    answer: Changed;
  };
  /** Pin a message. */
  pin: {
    fields: {
      room: string;
      message: string;
    };
    answer: Changed;
  };
  /** Unpin a message. */
  unpin: {
    fields: {
      room: string;
      message: string;
    };
    answer: Changed;
  };
  /** The pinned messages of a room, the last pinned first, at most 50 at once; `after` is that of the page before. */
  pins: {
    fields: {
      room: string;
      after?: string;
      limit?: number;
    };
    answer: PinList;
  };
  /** The thread of a message, or the one that it is a reply of: the newest replies before a seq, at most 50 at once. */
  thread: {
    fields: {
      room: string;
      message: string;
      before?: number | null;
      limit?: number;
    };
    answer: ThreadPage;
  };
  /** How many replies these messages have in their threads, and the newest of them; messages without any are left out.
   * */
  threads: {
    fields: {
      room: string;
      messages: string[];
    };
    answer: ThreadList;
  };
  /** What a message said before it was edited, the newest first, at most 20 texts at once; see `edit_history`. */
  edits: {
    fields: {
      room: string;
      message: string;
      before?: number | null;
      limit?: number;
    };
    answer: VersionPage;
  };
  /** Use a button, menu or form (`part`, its id) of a message. `values` has what was chosen or typed: of a menu under
   * its own id, of a form under the id of each field. */
  interact: {
    fields: {
      room: string;
      message: string;
      part: string;
      values?: Record<string, string[]>;
    };
    answer: Interacted;
  };
  /** A page of messages before a seq, after one, or around one; the newest page without any. */
  history: {
    fields: {
      room: string;
      before?: number | null;
      around?: number | null;
      after?: number | null;
      limit?: number;
    };
    answer: Page;
  };
  /** A page of the room's log after a seq. */
  events: {
    fields: {
      room: string;
      after: number;
      limit?: number;
    };
    answer: EventPage;
  };
  /** Mark a room as read up to a seq; the user's other connections are told. */
  read: {
    fields: {
      room: string;
      seq: number;
    };
    answer: Empty;
  };
  /** What the user prefers of rooms, by ascending id; rooms of which nothing is preferred are left out. The first page
   * has what the user prefers of clients, too. */
  preferences: {
    fields: {
      after?: string;
      limit?: number;
    };
    answer: PreferencesPage;
  };
  /** Say what the user prefers of a room; a field that is left out stays the same. An empty `section` is none. The
   * user's other connections are told. */
  prefer: {
    fields: {
      room: string;
      favourite?: boolean | null;
      section?: string | null;
      muted?: boolean | null;
      unread?: boolean | null;
      watched?: boolean | null;
    };
    answer: RoomPreferences;
  };
  /** Say what the user prefers of clients: new texts by key, null to remove one. Keys that are left out stay. The
   * user's other connections are told. */
  prefer_account: {
    fields: {
      values: Record<string, string | null>;
    };
    answer: Empty;
  };
  /** Tell the followers of the room that the user is typing. This is in no log. */
  typing: {
    fields: {
      room: string;
    };
    answer: undefined;
  };
  /** Ask which of these members of a followed room are online, and watch them for changes. A new list replaces the last
   * one of the same room; an empty one ends the watch. */
  presence: {
    fields: {
      room: string;
      users: string[];
    };
    answer: OnlineMembers;
  };
  /** Set one's own status: one emoji, a text of one line, or both. It ends at `until`. Without either it is cleared. */
  status: {
    fields: {
      emoji?: string;
      text?: string;
      until?: string | null;
    };
    answer: OwnStatus;
  };
  /** The statuses of users. Those without one are left out, and for guests those with whom they share no room. */
  statuses: {
    fields: {
      users: string[];
    };
    answer: StatusList;
  };
  /** Block a user: they can neither write to the user alone nor invite them, and count for no unread number. */
  block: {
    fields: {
      user: string;
    };
    answer: Empty;
  };
  /** Block a user no longer. */
  unblock: {
    fields: {
      user: string;
    };
    answer: Empty;
  };
  /** Those whom the user blocks, the latest first. */
  blocks: {
    fields: {};
    answer: BlockList;
  };
  /** One room that the user may read, with its `description`, which lists of rooms leave out. */
  room: {
    fields: {
      room: string;
    };
    answer: RoomView;
  };
  /** Make a room. A direct room is one of up to ten people, oneself included; of the same ones it is made once. */
  create: {
    fields: {
      kind?: RoomKind;
      name?: string | null;
      topic?: string;
      description?: string;
      members?: string[];
    };
    answer: RoomView;
  };
  /** Change a room's name, topic or description, who may write there and how often, or its kind. A field that is left
   * out stays the same. `slow_mode` is the time in seconds between two messages of a member. `kind` is `public` or
   * `private`, and for the room's owners alone. */
  change: {
    fields: {
      room: string;
      name?: string | null;
      topic?: string | null;
      description?: string | null;
      posting?: Posting | null;
      slow_mode?: number | null;
      edit_history?: EditHistory | null;
      kind?: RoomKind | null;
    };
    answer: Changed;
  };
  /** Archive a room, so that it can only be read (`room.archived`), or restore it. For its owners. */
  archive: {
    fields: {
      room: string;
      archived?: boolean;
    };
    answer: Changed;
  };
  /** Delete a room for good, with all its contents. For its owners; not for direct rooms. */
  delete_room: {
    fields: {
      room: string;
    };
    answer: Changed;
  };
  /** Join a public room. */
  join: {
    fields: {
      room: string;
    };
    answer: RoomView;
  };
  /** Leave a room. The last owner cannot leave while others are in it (`room.last_owner`). */
  leave: {
    fields: {
      room: string;
    };
    answer: Empty;
  };
  /** Add a user to a room. */
  invite: {
    fields: {
      room: string;
      user: string;
    };
    answer: Empty;
  };
  /** Remove a user from a room. */
  kick: {
    fields: {
      room: string;
      user: string;
    };
    answer: Empty;
  };
  /** Keep a user out of a room for `seconds`, or for good: they are removed, and told the reason. */
  ban: {
    fields: {
      room: string;
      user: string;
      reason?: string;
      seconds?: number | null;
    };
    answer: Changed;
  };
  /** End a ban. */
  unban: {
    fields: {
      room: string;
      user: string;
    };
    answer: Changed;
  };
  /** The bans of a room that are in force, by ascending user id, at most 100 at once. For those who moderate it. */
  bans: {
    fields: {
      room: string;
      after?: string;
      limit?: number;
    };
    answer: BanList;
  };
  /** Give a member of a room another role. */
  role: {
    fields: {
      room: string;
      user: string;
      role: RoomRole;
    };
    answer: Changed;
  };
  /** The members of a room, by ascending user id; if there are `more`, the next page is `after` that of the answer.
   * With `text`, those whose user name begins with it first, then others who have it in their name; a page may have
   * none, and yet `more`. Accents need not be given. */
  members: {
    fields: {
      room: string;
      after?: string;
      limit?: number;
      text?: string;
    };
    answer: MemberList;
  };
  /** Messages that match, newest first, of one room or of all that the user is in. `before` is the `cursor` of the
   * previous answer, for the next page. It may also be a seq in one room, or a time (`at`) in all rooms. */
  search: {
    fields: {
      text: string;
      room?: string | null;
      before?: number | string | null;
      limit?: number;
    };
    answer: Found;
  };
  /** The commands that the user may run in a room, by name. */
  commands: {
    fields: {
      room: string;
    };
    answer: CommandList;
  };
  /** Run a command, `/name arguments`. `text` of the answer is a note for the user alone. `message` and `seq` are of a
   * message that the command posted. If the client_id is repeated, nothing runs again and `dup` is true, as far as the
   * server remembers the first call. */
  command: {
    fields: {
      room: string;
      text: string;
      client_id: string;
    };
    answer: CommandOutcome;
  };
  /** Suggest how a command that is being typed may go on: `text` is the beginning of it. */
  complete: {
    fields: {
      room: string;
      text: string;
    };
    answer: Suggestions;
  };
  /** Ask whether the server is there. */
  ping: {
    fields: {};
    answer: Empty;
  };
}
