"""The wire frames of `chat.v1`: parse, validate, encode. No I/O, no rules.

Each client operation is a struct; its fields, with bounds, are the protocol's reference
(docs/protocol.md is generated from them).
"""

from collections.abc import Callable
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from chatserver.errors import ChatError
from chatserver.model import SLOWEST_SECONDS, EditHistory, Posting, RoomKind, RoomRole

VERSION = "chat.v1"

Id = Annotated[str, Meta(min_length=1, max_length=64)]
Seq = Annotated[int, Meta(ge=0, le=2**53)]
Limit = Annotated[int, Meta(ge=1, le=10_000)]
SlowMode = Annotated[int, Meta(ge=0, le=SLOWEST_SECONDS)]
Reason = Annotated[str, Meta(max_length=500)]
BanSeconds = Annotated[int, Meta(ge=1, le=315_360_000)]  # up to ten years
LookedFor = Annotated[str, Meta(max_length=100)]
SEARCH_CHARS = 200
StatusEmoji = Annotated[str, Meta(max_length=64)]
StatusText = Annotated[str, Meta(max_length=500)]
Until = Annotated[str, Meta(max_length=64, description="A time as RFC 3339 has it.")]
ClientId = Annotated[
    str,
    Meta(
        min_length=1, max_length=64, description="Unique for its author, for ever; repeats are one."
    ),
]


Data = Annotated[
    dict[Annotated[str, Meta(min_length=1, max_length=64)], Any],
    Meta(max_length=8, description="A value for each namespace of data."),
]
Values = Annotated[
    dict[Id, Annotated[list[Annotated[str, Meta(max_length=4000)]], Meta(max_length=50)]],
    Meta(max_length=10),
]
Preferred = Annotated[
    dict[Annotated[str, Meta(max_length=64)], Annotated[str, Meta(max_length=4000)] | None],
    Meta(max_length=200, description="Texts by key; null removes one."),
]


class Op(msgspec.Struct, frozen=True, kw_only=True, tag_field="op"):
    """One operation of a client. `id` is any number the client picks; the answer repeats it."""

    id: int | float | None = None


class Auth(Op, frozen=True, kw_only=True, tag="auth"):
    """Sign in on a connection that was opened without cookie or header."""

    token: Annotated[str, Meta(max_length=4096)]


class ListRooms(Op, frozen=True, kw_only=True, tag="rooms"):
    """The rooms the user is in, with positions, and public ones to join (`joined` false).

    By ascending id, at most `limit` of both together; without it at most 1,000 joined and 500 public ones.
    If the answer has `more`, its `after` leads to the next page. With `text`, only public rooms to join that have it in
    their name or topic; a page may have none, and yet `more`. Public rooms that are archived are listed to their
    members alone, unless `archived` asks for all of them.
    """

    after: Annotated[str, Meta(max_length=80)] = ""
    limit: Limit | None = None
    text: LookedFor = ""
    archived: bool = False


class Sub(Op, frozen=True, kw_only=True, tag="sub"):
    """Follow rooms: from the last seq seen, or from now on if that is null."""

    rooms: dict[Id, Seq | None]
    epoch: str | None = None


class Unsub(Op, frozen=True, kw_only=True, tag="unsub"):
    """Stop following rooms."""

    rooms: list[Id]


class Send(Op, frozen=True, kw_only=True, tag="send"):
    """Post a message, or a reply in the `thread` of a message; with `broadcast` it is shown in the room as well.

    If the client_id is repeated, the answer is the first message.
    """

    room: Id
    client_id: ClientId
    body: str
    reply_to: Id | None = None
    thread: Id | None = None
    broadcast: bool = False
    data: Data | None = None


class Edit(Op, frozen=True, kw_only=True, tag="edit"):
    """Change the text of one of the user's own messages.

    Its data stays, except in the namespaces of `data`; null there removes the old value.
    """

    room: Id
    message: Id
    body: str
    data: Data | None = None


class Delete(Op, frozen=True, kw_only=True, tag="delete"):
    """Delete one of the user's own messages, or as a moderator another user's."""

    room: Id
    message: Id


class React(Op, frozen=True, kw_only=True, tag="react"):
    """Add a reaction."""

    room: Id
    message: Id
    emoji: Annotated[str, Meta(min_length=1, max_length=32)]


class Unreact(Op, frozen=True, kw_only=True, tag="unreact"):
    """Take back one of the user's own reactions."""

    room: Id
    message: Id
    emoji: Annotated[str, Meta(min_length=1, max_length=32)]


class Pin(Op, frozen=True, kw_only=True, tag="pin"):
    """Pin a message."""

    room: Id
    message: Id


class Unpin(Op, frozen=True, kw_only=True, tag="unpin"):
    """Unpin a message."""

    room: Id
    message: Id


class ListPins(Op, frozen=True, kw_only=True, tag="pins"):
    """The pinned messages of a room, the last pinned first, at most 50 at once; `after` is that of the page before."""

    room: Id
    after: Annotated[str, Meta(max_length=80)] = ""
    limit: Limit = 50


class ReadThread(Op, frozen=True, kw_only=True, tag="thread"):
    """The thread of a message, or the one that it is a reply of: the newest replies before a seq, at most 50 at once."""

    room: Id
    message: Id
    before: Seq | None = None
    limit: Limit = 50


class ReadEdits(Op, frozen=True, kw_only=True, tag="edits"):
    """What a message said before it was edited, the newest first, at most 20 texts at once; see `edit_history`."""

    room: Id
    message: Id
    before: Seq | None = None
    limit: Limit = 20


class ListThreads(Op, frozen=True, kw_only=True, tag="threads"):
    """How many replies these messages have in their threads, and the newest of them; messages without any are left out."""

    room: Id
    messages: Annotated[list[Id], Meta(min_length=1, max_length=100)]


class Interact(Op, frozen=True, kw_only=True, tag="interact"):
    """Use a button, menu or form (`part`, its id) of a message.

    `values` has what was chosen or typed: of a menu under its own id, of a form under the id of each field.
    """

    room: Id
    message: Id
    part: Id
    values: Values = {}


class History(Op, frozen=True, kw_only=True, tag="history"):
    """A page of messages before a seq, after one, or around one; the newest page without any."""

    room: Id
    before: Seq | None = None
    around: Seq | None = None
    after: Seq | None = None
    limit: Limit = 50


class Events(Op, frozen=True, kw_only=True, tag="events"):
    """A page of the room's log after a seq."""

    room: Id
    after: Seq
    limit: Limit = 500


class Read(Op, frozen=True, kw_only=True, tag="read"):
    """Mark a room as read up to a seq; the user's other connections are told."""

    room: Id
    seq: Seq


class Preferences(Op, frozen=True, kw_only=True, tag="preferences"):
    """What the user prefers of rooms, by ascending id; rooms of which nothing is preferred are left out.

    The first page has what the user prefers of clients, too.
    """

    after: Annotated[str, Meta(max_length=64)] = ""
    limit: Limit = 500


class Prefer(Op, frozen=True, kw_only=True, tag="prefer"):
    """Say what the user prefers of a room; a field that is left out stays the same. An empty `section` is none.

    The user's other connections are told.
    """

    room: Id
    favourite: bool | None = None
    section: Annotated[str, Meta(max_length=200)] | None = None
    muted: bool | None = None
    unread: bool | None = None
    watched: bool | None = None


class PreferAccount(Op, frozen=True, kw_only=True, tag="prefer_account"):
    """Say what the user prefers of clients: new texts by key, null to remove one. Keys that are left out stay.

    The user's other connections are told.
    """

    values: Preferred


class Typing(Op, frozen=True, kw_only=True, tag="typing"):
    """Tell the followers of the room that the user is typing. This is in no log."""

    room: Id


class Presence(Op, frozen=True, kw_only=True, tag="presence"):
    """Ask which of these members of a followed room are online, and watch them for changes.

    A new list replaces the last one of the same room; an empty one ends the watch.
    """

    room: Id
    users: Annotated[list[Id], Meta(max_length=200)]


class SetStatus(Op, frozen=True, kw_only=True, tag="status"):
    """Set one's own status: one emoji, a text of one line, or both. It ends at `until`. Without either it is cleared."""

    emoji: StatusEmoji = ""
    text: StatusText = ""
    until: Until | None = None


class Statuses(Op, frozen=True, kw_only=True, tag="statuses"):
    """The statuses of users. Those without one are left out, and for guests those with whom they share no room."""

    users: Annotated[list[Id], Meta(max_length=200)]


class Block(Op, frozen=True, kw_only=True, tag="block"):
    """Block a user: they can neither write to the user alone nor invite them, and count for no unread number."""

    user: Id


class Unblock(Op, frozen=True, kw_only=True, tag="unblock"):
    """Block a user no longer."""

    user: Id


class ListBlocks(Op, frozen=True, kw_only=True, tag="blocks"):
    """Those whom the user blocks, the latest first."""


class OneRoom(Op, frozen=True, kw_only=True, tag="room"):
    """One room that the user may read, with its `description`, which lists of rooms leave out."""

    room: Id


class Create(Op, frozen=True, kw_only=True, tag="create"):
    """Make a room. A direct room is one of up to ten people, oneself included; of the same ones it is made once."""

    kind: RoomKind = RoomKind.PUBLIC
    name: Annotated[str, Meta(max_length=200)] | None = None
    topic: Annotated[str, Meta(max_length=1000)] = ""
    description: Annotated[str, Meta(max_length=4000)] = ""
    members: list[Id] = []


class Change(Op, frozen=True, kw_only=True, tag="change"):
    """Change a room's name, topic or description, who may write there and how often, or its kind.

    A field that is left out stays the same. `slow_mode` is the time in seconds between two messages of a member. `kind` is `public` or `private`, and for the room's owners alone.
    """

    room: Id
    name: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    topic: Annotated[str, Meta(max_length=1000)] | None = None
    description: Annotated[str, Meta(max_length=4000)] | None = None
    posting: Posting | None = None
    slow_mode: SlowMode | None = None
    edit_history: EditHistory | None = None
    kind: RoomKind | None = None


class Archive(Op, frozen=True, kw_only=True, tag="archive"):
    """Archive a room, so that it can only be read (`room.archived`), or restore it. For its owners."""

    room: Id
    archived: bool = True


class DeleteRoom(Op, frozen=True, kw_only=True, tag="delete_room"):
    """Delete a room for good, with all its contents. For its owners; not for direct rooms."""

    room: Id


class Join(Op, frozen=True, kw_only=True, tag="join"):
    """Join a public room."""

    room: Id


class Leave(Op, frozen=True, kw_only=True, tag="leave"):
    """Leave a room. The last owner cannot leave while others are in it (`room.last_owner`)."""

    room: Id


class Invite(Op, frozen=True, kw_only=True, tag="invite"):
    """Add a user to a room."""

    room: Id
    user: Id


class Kick(Op, frozen=True, kw_only=True, tag="kick"):
    """Remove a user from a room."""

    room: Id
    user: Id


class Banning(Op, frozen=True, kw_only=True, tag="ban"):
    """Keep a user out of a room for `seconds`, or for good: they are removed, and told the reason."""

    room: Id
    user: Id
    reason: Reason = ""
    seconds: BanSeconds | None = None


class Unban(Op, frozen=True, kw_only=True, tag="unban"):
    """End a ban."""

    room: Id
    user: Id


class ListBans(Op, frozen=True, kw_only=True, tag="bans"):
    """The bans of a room that are in force, by ascending user id, at most 100 at once. For those who moderate it."""

    room: Id
    after: Annotated[str, Meta(max_length=64)] = ""
    limit: Limit = 100


class Role(Op, frozen=True, kw_only=True, tag="role"):
    """Give a member of a room another role."""

    room: Id
    user: Id
    role: RoomRole


class Members(Op, frozen=True, kw_only=True, tag="members"):
    """The members of a room, by ascending user id; if there are `more`, the next page is `after` that of the answer.

    With `text`, those whose user name begins with it first, then others who have it in their name; a page may have none,
    and yet `more`. Accents need not be given.
    """

    room: Id
    after: Annotated[str, Meta(max_length=64)] = ""
    limit: Limit = 1000
    text: LookedFor = ""


class Search(Op, frozen=True, kw_only=True, tag="search"):
    """Messages that match, newest first, of one room or of all that the user is in.

    `before` is the `cursor` of the previous answer, for the next page. It may also be a seq in one room, or a
    time (`at`) in all rooms.
    """

    text: Annotated[str, Meta(min_length=1, max_length=SEARCH_CHARS)]
    room: Id | None = None
    before: Seq | Annotated[str, Meta(max_length=120)] | None = None
    limit: Limit = 50


class ListCommands(Op, frozen=True, kw_only=True, tag="commands"):
    """The commands that the user may run in a room, by name."""

    room: Id


class RunCommand(Op, frozen=True, kw_only=True, tag="command"):
    """Run a command, `/name arguments`. `text` of the answer is a note for the user alone.

    `message` and `seq` are of a message that the command posted. If the client_id is repeated, nothing runs
    again and `dup` is true, as far as the server remembers the first call.
    """

    room: Id
    text: str
    client_id: ClientId


class Complete(Op, frozen=True, kw_only=True, tag="complete"):
    """Suggest how a command that is being typed may go on: `text` is the beginning of it."""

    room: Id
    text: str


class Ping(Op, frozen=True, kw_only=True, tag="ping"):
    """Ask whether the server is there."""


AnyOp = (
    Auth
    | ListRooms
    | Sub
    | Unsub
    | Send
    | Edit
    | Delete
    | React
    | Unreact
    | Pin
    | Unpin
    | ListPins
    | ReadThread
    | ListThreads
    | ReadEdits
    | Interact
    | History
    | Events
    | Read
    | Preferences
    | Prefer
    | PreferAccount
    | Typing
    | Presence
    | SetStatus
    | Statuses
    | Block
    | Unblock
    | ListBlocks
    | OneRoom
    | Create
    | Change
    | Archive
    | DeleteRoom
    | Join
    | Leave
    | Invite
    | Kick
    | Banning
    | Unban
    | ListBans
    | Role
    | Members
    | Search
    | ListCommands
    | RunCommand
    | Complete
    | Ping
)


class Hello(msgspec.Struct, frozen=True, kw_only=True, tag_field="sys", tag="hello"):
    """The first frame of the server, with its name (`server.name`).

    Seqs of another `epoch` mean nothing here.
    """

    heartbeat_ms: int
    max_frame: int
    server: str
    name: str
    epoch: str


class ErrorBody(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An error, the same on every transport."""

    code: str
    message: str
    retry: Literal["never", "later", "refresh"]
    after_ms: int | None = None
    detail: dict[str, object] = {}


class Answer(msgspec.Struct, frozen=True):
    """The answer to the operation whose `id` was `re`."""

    re: int | float | None
    ok: object


class ErrorAnswer(msgspec.Struct, frozen=True):
    """The refusal of the operation whose `id` was `re`; null if it had none."""

    re: int | float | None
    error: ErrorBody


class Sent(msgspec.Struct, frozen=True, omit_defaults=True):
    """The answer to `send`. `dup` is true if this repeats an earlier send."""

    id: str
    seq: int
    at: str
    dup: bool = False


class Unreadable(Exception):
    """The frame is not a JSON object in UTF-8, so there is no `id` to answer."""


_decode: Callable[[bytes], AnyOp] = msgspec.json.Decoder(AnyOp).decode
encode = msgspec.json.encode


def parse(frame: bytes) -> AnyOp:
    """The operation of a frame. Raises `Unreadable`, or `BadRequest`, which has the frame's id."""
    try:
        return _decode(frame)
    except msgspec.ValidationError as error:
        raise _explain(frame, str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable(str(error)) from error


class BadRequest(ChatError):
    """A frame that is JSON but no valid operation. `id` is the frame's, if it has one."""

    def __init__(self, code: str, text: str, number: int | float | None) -> None:
        super().__init__(code, text)
        self.id = number


class _Head(msgspec.Struct):
    id: object = None
    op: object = None


def _explain(frame: bytes, text: str) -> BadRequest | Unreadable:
    try:
        head = msgspec.json.decode(frame, type=_Head)
    except msgspec.ValidationError:
        return Unreadable("not a JSON object")
    except (msgspec.DecodeError, RecursionError) as error:
        return Unreadable(str(error))
    number = head.id if isinstance(head.id, int | float) and not isinstance(head.id, bool) else None
    known = isinstance(head.op, str) and head.op in OPS
    if known:
        return BadRequest("request.invalid", text, number)
    return BadRequest("request.unknown_op", "There is no such operation.", number)


OPS: dict[str, type[Op]] = {str(kind.__struct_config__.tag): kind for kind in AnyOp.__args__}


def answer(number: int | float | None, ok: object) -> bytes:
    """The frame that answers an operation; `number` is its `id`."""
    return encode(Answer(number, ok))


def error_body(error: ChatError) -> ErrorBody:
    """An error as clients get it."""
    return ErrorBody(
        code=error.code,
        message=error.text,
        retry=error.meaning.retry,
        after_ms=error.after_ms,
        detail=error.detail,
    )


def error_answer(number: int | float | None, error: ChatError) -> bytes:
    """The frame that refuses an operation; `number` is its `id`, None if it had none."""
    return encode(ErrorAnswer(number, error_body(error)))
