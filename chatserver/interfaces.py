"""Interfaces of the parts of which a server has exactly one: the contracts that their plugins keep.

A contract is the docstring here; `chatserver.testing` holds the suites that check it.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from enum import Enum
from typing import Literal, NamedTuple, Protocol, TypeAlias

from chatserver.model import AnyEvent, MemberEvent, MessageChange, MessagePosted, RoomChanged


class Conflict(Enum):
    """The reason why a store refused an event of a batch."""

    POSITION = "position"  # (room, seq) is taken: another node wrote there first
    CLIENT_ID = "client_id"  # (author, client_id) is stored: a repeated send


class Appended(NamedTuple):
    """The first `stored` events of the batch are durable; `conflict` is the reason that stopped the next."""

    stored: int
    conflict: Conflict | None = None


class Unread(NamedTuple):
    """Number of a room's messages that a user has not read, and number of those that mention the user."""

    messages: int
    mentions: int


class Replies(NamedTuple):
    """Number of the replies in a thread, deleted ones too, and the newest of them, ascending by seq."""

    total: int
    newest: list[MessagePosted]


class Tally(NamedTuple):
    """Numbers of a message's changes. `own` counts those of `others` that the given user made."""

    edits: int
    others: int  # reactions and pins, added and removed
    own: int


class Replica(NamedTuple):
    """Another copy of a store's data. `lag` in seconds is that of its newest write; None: unknown."""

    name: str
    up: bool
    lag: float | None


class Replication(NamedTuple):
    """A replicated store's own view: the copies besides the one that takes writes, and the era of that one.

    `era` changes with each failover, such as a term or a timeline; empty: unknown.
    """

    replicas: Sequence[Replica]
    era: str = ""


# The place of a page of a room's search index: room, slot, first. The numbers stand for the tokens and events
# that the page covers. A plain tuple, as a search makes thousands.
IndexPlace: TypeAlias = tuple[str, int, int]


class IndexPage(NamedTuple):
    """A piece of a room's search index, and its place."""

    room: str
    slot: int
    first: int
    data: bytes


# Lengths that every store can index; PostgreSQL is the narrowest: 2,704 bytes for both together.
RECORD_SPACE_BYTES = 255
RECORD_KEY_BYTES = 1024


class StoreMember(NamedTuple):
    """One member of a replicated database. `lag_seconds` is None if it is unknown."""

    name: str
    role: str  # primary, secondary, other
    healthy: bool
    lag_seconds: float | None = None


class PendingStep(NamedTuple):
    """A step of a migration that is not applied yet. `seconds` is estimated from the rows it reads."""

    title: str
    rows: int = 0
    seconds: float = 0.0


class StoreFacts(NamedTuple):
    """What operators ask about a store; see `Store`.

    `software` is the database with its version, such as `PostgreSQL 16.4`. `schema` is the number of applied
    migrations, and `known` the number that this server knows. `bytes` is the size on the disk, None if unknown.
    `rows` has estimated numbers by table. `pending` are the steps that `open` would apply, and `bytes_needed`
    the free space on the disk that they need. `warnings` are sentences on what is wrong with the database
    itself, such as its version. `folder` is the folder with the data if it is on this machine, else empty.
    """

    software: str
    schema: int
    known: int
    bytes: int | None = None
    rows: Mapping[str, int] = {}
    members: Sequence[StoreMember] = ()
    pending: Sequence[PendingStep] = ()
    bytes_needed: int = 0
    warnings: Sequence[str] = ()
    folder: str = ""


class Store(Protocol):
    """Keeps the log of every room, and small records.

    All methods may be called concurrently, by several nodes on one store. A call either returns
    within the store's time limit (2–3 s) or raises `StoreUnavailable`; after that error a write
    may or may not have happened. Texts are any Unicode without lone surrogates, NUL included.

    The data of a message is what JSON can hold: whole numbers fit into 64 bits, no key is empty, begins with `$`
    or has a NUL, and at most 20 objects and lists are in each other.

    A store that is only for trying out may also have a method `for_trial() -> str`, which returns a sentence
    that says why nobody should rely on it. `chatserver serve` logs it as a warning.

    A store that writes files on this machine may also have a method `folder() -> Path | None`: the folder, whose
    free space metrics then show. A replicated one may have `async replication() -> Replication | None`, called
    every few seconds for metrics; None: it has no replicas, or its account may not see them. It raises
    `StoreUnavailable` as the other methods do.

    A store may also have a method `async def put_many(self, space: str, values: Mapping[str, bytes]) -> None`, which
    sets values as `put` does, but together: each is durable, or it raises `StoreUnavailable` and some may be. Consumers
    write their positions by it; without it they take one `put` for each room in which something was said.

    A store may also have a method `async def members_after(self, room: str, after: str, limit: int) ->
    list[MemberEvent]`: of what `members` returns for the room, the first `limit` by ascending user id > `after`, in that
    order. Staff look at members by it; without it all members of the room are read for each page.

    A store may also have a method `async def swap_many(self, space: str, changes: Mapping[str, tuple[bytes, bytes]]) ->
    set[str]`, which swaps the values of several keys, each from an old to a new one as `swap` does, but together. It
    returns the keys that have the new value then, which no other caller writes. Nodes renew their leases by it; without
    it they take one `swap` for each.

    A store may also have a method `async def repeats_in(self, sends: Sequence[tuple[str, str, str]]) -> dict[tuple[str,
    str, str], MessagePosted]`, if it keeps an author's client_id unique in each room by itself, as one whose rooms are on
    several servers has to: the stored messages among these (room, author id, client_id). Then another room takes the same
    client_id, and `repeats` is not called: it may raise `NotImplementedError`.

    A store may also have a method `async def scrub(self) -> None`: nothing that was removed or replaced before is left in
    its files afterwards, as far as it can do that itself. Called after texts were erased, at most every few minutes. Raises
    `StoreUnavailable`.

    A store may also have a method `async def compact(self) -> None`: it writes its files anew, so that no byte of what was
    removed is left in them, and space is given back. It may take minutes and as much space again, and other calls may
    fail meanwhile: only commands call it, while no server has the store. Raises `StoreUnavailable`.

    A store may also have a method `async def facts(self) -> StoreFacts`, for `chatserver status` and
    `upgrade-check`. Like `plan` it is called instead of `open`, also beside a running server, and changes
    nothing; it also works on a schema that is not up to date. Raises `StartupError`.
    """

    def is_private(self) -> bool:
        """Whether only one process can have the data, as in its memory or in a file of its data folder.

        Asked before `open`. If it is false, commands may work beside a running server.
        """

    async def plan(self) -> list[str]:
        """The changes that `open` would make to the schema, one line for each step; empty if none.

        Called instead of `open`, also beside a running server; changes nothing. Raises `StartupError`, as
        `open` does, if the data is of a newer version than the store knows.
        """

    async def open(self) -> None:
        """Connect, and bring the schema (tables, indexes) up to date. Raises `StartupError`.

        If several nodes open at once, one changes the schema and the others wait. The next `open` finishes
        an interrupted change. Data of a newer version is left alone, and the error names both versions.
        """

    async def open_to_read(self) -> None:
        """Connect instead of `open`, beside a process that has the data; change nothing.

        Methods that only read then work, and see all durable data; a write may raise `StoreUnavailable`.
        Raises `StartupError`, also if no other process can get at the data, or if its schema is not up to
        date.
        """

    async def close(self) -> None:
        """Release all resources. Never raises."""

    def scratch(self, name: str) -> dict[str, object]:
        """Settings with which a server has another store of this kind, for a trial.

        They override those of the configuration, by full key, as `plugin.mystore.table`. With them, and
        with a data folder of its own, that server touches nothing of this store. `name` has at most 40
        characters of a-z, 0-9 and `_`. Called before `open`. Raises `StartupError` if there can be no
        other store, or none that outlives its server.
        """

    async def erase(self) -> None:
        """Remove all data; afterwards the store can only be closed.

        Called only for a store that `scratch` has named. Raises `StoreUnavailable`; then data may be left.
        """

    async def ping(self) -> None:
        """Return if a durable write would be possible now, else raise `StoreUnavailable`."""

    # -- the log ----------------------------------------------------------------------------

    async def append(self, events: Sequence[AnyEvent], erasing: Collection[int] = ()) -> Appended:
        """Write `events` in this order and return once the written ones are durable.

        `erasing` are indexes in `events` of edits and deletions that remove what they replace: an edit the text that
        stood before it, a deletion all texts of its message. These are then redacted as by `redact`, in the same
        durable step: nobody finds the edit or deletion with the texts, or the texts redacted without it. A store that
        cannot do both in one step redacts before `append` returns, and says so in its documentation.

        (room, seq) is unique, and (author.id, client_id) is unique among posted messages, or among those of a room if
        the store has `repeats_in`. The first event that breaks a rule stops the batch: all events before it are
        written, none after it. No reader sees an event of a batch before all earlier ones of the batch. Durable means:
        it survives the loss of power and, in a replicated store, of any one member. A reader may see an event before
        `append` has returned.
        """

    # A newer version may have written events that this one does not know. `chatserver.read_event` makes
    # an `UnknownEvent` of them; methods that return events of certain kinds leave them out.

    async def heads(self, rooms: Sequence[str]) -> dict[str, int]:
        """The highest seq of each room, in one query; a room without events is left out."""

    async def read(self, room: str, after: int, limit: int) -> list[AnyEvent]:
        """At most `limit` events with seq > `after`, ascending."""

    async def ranges(self, wanted: Sequence[tuple[str, int]], limit: int) -> list[list[AnyEvent]]:
        """The result of `read` for each (room, after), in this order, fetched together."""

    async def shown(self, wanted: Sequence[tuple[str, int]], limit: int) -> list[list[AnyEvent]]:
        """The result of `ranges` without replaced texts, as of one moment or as of the end of the call.

        Redacted are a posted message that was edited or deleted, and an edit whose message was edited again or
        deleted, wherever in the log that was; see `chatserver.redact`. Costs hardly more than `ranges`
        if few texts of the events were replaced: a store finds these by an index over the seq of the message
        that an edit or a deletion changes. The id of a message has its room and seq: `message_id`.
        """

    async def texts(self, room: str, message: str) -> list[int]:
        """The seqs of the events that hold a text of this message (id): its posting, and every edit; ascending."""

    async def redact(self, room: str, seqs: Sequence[int]) -> None:
        """Remove the texts of these events from the log, durably; every read then gives them redacted.

        The events keep their places and all else: see `chatserver.redacted`. Other events, and seqs without an
        event, do not change, and repeating a call does no harm. After an error some may be redacted. What another node
        changes of them at the same time (`replace`) is kept.
        """

    async def clear(self, room: str, seqs: Sequence[int]) -> None:
        """Remove all contents of these events from the log, durably; every read then gives them without.

        The events keep their places and all else: see `chatserver.cleared`. For rooms that are deleted. Seqs without
        an event change nothing, and repeating a call does no harm. After an error some may be cleared.
        """

    async def remove(self, room: str, seqs: Sequence[int]) -> None:
        """Leave only the places of these events: every read then gives `chatserver.EventRemoved` there.

        It becomes durable not later than what is written after it. For what a room does not keep any longer, to give
        its space back: the store keeps no entry of an index for such an event but that of its place, so a message is not
        found by its author and client_id any more. Events of members, descriptions of the room, its newest event, and
        seqs above that do not change, and repeating a call does no harm. After an error some may be removed.
        """

    async def replace(self, pairs: Sequence[tuple[AnyEvent, AnyEvent]]) -> int:
        """Put the second event of each pair in the place of the first, durably; returns how many were replaced.

        Both have the same room, seq and kind, and a posted message the same author (id) and client_id. A stored event
        that differs from the first of its pair stays as it is: somebody else has changed it, and be it between a read
        and the write of this call. Every read then gives the new one. After an error some may be replaced.
        """

    async def messages(self, room: str, before: int | None, limit: int) -> list[MessagePosted]:
        """The newest `limit` posted messages with seq < `before` (None: of all), ascending."""

    async def pages(
        self, wanted: Sequence[tuple[str, int | None]], limit: int
    ) -> list[list[MessagePosted]]:
        """The result of `messages` for each (room, before), in this order, fetched together."""

    async def posted(self, keys: Sequence[tuple[str, int]]) -> list[MessagePosted]:
        """The messages posted at these (room, seq), fetched together, in any order.

        Keys without an event, or with one of another kind, are left out.
        """

    # The answers of these two do not grow with the number of changes to a message, and the store reads no
    # more than entries of an index and reactions for them, not the replaced texts.

    async def changes(self, messages: Mapping[str, Sequence[str]]) -> list[MessageChange]:
        """The changes that lead to the present state of these messages (ids by room), fetched together.

        For each message: the newest edit; the newest deletion; each `reaction.added` that is the newest
        event of its author with its emoji; `pin.added` if it is newer than any `pin.removed`. Changes of
        one room are ascending by seq.
        """

    async def tally(self, room: str, message: str, user: str) -> Tally:
        """Number of changes of the message, and number of those by the user id."""

    async def replies(
        self, room: str, message: str, before: int | None, limit: int
    ) -> list[MessagePosted]:
        """The newest `limit` replies in the thread of a message (id), of those with seq < `before` (None: of all).

        Ascending. Replies are posted messages whose `thread` it is.
        """

    async def threads(
        self, messages: Mapping[str, Sequence[str]], newest: int
    ) -> dict[tuple[str, str], Replies]:
        """The replies to each of these messages (ids by room) that has any, `newest` of them, fetched together.

        By (room, message). The number is counted in an index, without reading the events.
        """

    async def repeats(
        self, keys: Sequence[tuple[str, str]]
    ) -> dict[tuple[str, str], MessagePosted]:
        """The stored messages among these (author id, client_id) pairs."""

    async def rooms(self, rooms: Sequence[str]) -> dict[str, RoomChanged]:
        """The newest description of each room, in one query; unknown rooms are left out."""

    async def public_rooms(self, after: str, limit: int) -> list[RoomChanged]:
        """Newest descriptions of rooms that are public now, by ascending id > `after`."""

    async def list_rooms(self, after: str, limit: int) -> list[str]:
        """The ids of rooms that have events, by ascending id > `after`, without reading every event."""

    async def members(self, rooms: Sequence[str]) -> list[MemberEvent]:
        """The newest member event of each user who is or was in one of the rooms, fetched together.

        Also of members who left; in any order.
        """

    async def memberships(self, user: str) -> list[MemberEvent]:
        """The user's newest member event in each room that they are or were in; any order."""

    async def unread(self, user: str, after: Mapping[str, int]) -> dict[str, Unread]:
        """Numbers of others' messages with seq > after[room], and of those that mention `user`; in one query.

        Replies that are in a thread alone (`MessagePosted.is_apart`) do not count. Rooms without any are left out.
        """

    # -- the search index: pages that are derived from the log, and can be made again from it --

    async def index(self, room: str, upto: int, pages: Sequence[IndexPage]) -> None:
        """Store the pages of a room, then note durably that it is indexed up to the seq `upto`.

        A page of the same slot and first is replaced. `upto` never goes back. Two nodes may write the same
        pages at once.
        """

    async def indexed(self, rooms: Sequence[str]) -> dict[str, int]:
        """The seq up to which each room is indexed, in one query; rooms without an index are left out."""

    async def index_pages(self, places: Sequence[IndexPlace]) -> list[bytes | None]:
        """The data of the page at each of these places, or None; in this order, in one query.

        There may be thousands.
        """

    async def drop_index(self, room: str, slot: int, first: int) -> None:
        """Remove the room's pages whose slot and first are both lower than these.

        They are at most 2^31 - 1 and 2^63 - 1.
        """

    # -- records: small values under (space, key), for sessions, accounts, markers, plugins --
    #
    # In UTF-8 a space has at most RECORD_SPACE_BYTES (255), a key RECORD_KEY_BYTES (1,024), of any content;
    # up to these lengths every byte counts. Longer keys of plugins raise `ValueError` before the store is
    # called.

    async def get(self, space: str, key: str) -> bytes | None:
        """The value, or None."""

    async def get_many(self, space: str, keys: Sequence[str]) -> dict[str, bytes]:
        """The values of these keys, fetched together; unknown keys are left out."""

    async def put(self, space: str, key: str, value: bytes) -> None:
        """Set the value, durably."""

    async def add(self, space: str, key: str, value: bytes) -> bool:
        """Set the value if there is none, durably and atomically; False if there is one."""

    async def swap(self, space: str, key: str, old: bytes, new: bytes) -> bool:
        """Replace `old` by `new`, durably and atomically; False if the value is not `old`."""

    async def delete(self, space: str, key: str, old: bytes | None = None) -> bool:
        """Remove the value, durably and atomically; False if there was none.

        With `old` only that value is removed; False if there is another one.
        """

    async def scan(
        self, space: str, prefix: str, after: str = "", limit: int = 1000
    ) -> list[tuple[str, bytes]]:
        """At most `limit` (key, value) with this prefix and key > `after`, by ascending key."""

    async def spaces(self) -> list[str]:
        """All spaces that hold a record, ascending. There are few of them."""


class Records(Protocol):
    """One space of a store's records, as a plugin gets it. Each method raises `StoreUnavailable`, as those of `Store`.

    Keys have at most 1,024 bytes of UTF-8.
    """

    async def get(self, key: str) -> bytes | None:
        """The value, or None."""

    async def get_many(self, keys: Sequence[str]) -> dict[str, bytes]:
        """The values of these keys, fetched together; unknown keys are left out."""

    async def put(self, key: str, value: bytes) -> None:
        """Set the value, durably."""

    async def add(self, key: str, value: bytes) -> bool:
        """Set the value if there is none, durably and atomically; False if there is one."""

    async def swap(self, key: str, old: bytes, new: bytes) -> bool:
        """Replace `old` by `new`, durably and atomically; False if the value is not `old`."""

    async def delete(self, key: str, old: bytes | None = None) -> bool:
        """Remove the value, durably; with `old`, only that value. False if there was none."""

    async def scan(
        self, prefix: str, after: str = "", limit: int = 1000
    ) -> list[tuple[str, bytes]]:
        """At most `limit` (key, value) with this prefix and key > `after`, by ascending key."""


class StoredSession(NamedTuple):
    """A session without its token. The times are Unix times."""

    id: str  # names the session, and does not reveal its token
    user: str
    created: float | None  # None: unknown
    expires: float | None  # None: never


# PostgreSQL, the narrowest bus, notifies with less than 8,000 bytes.
BUS_FRAME_BYTES = 7000


class Bus(Protocol):
    """Carries small frames from each node of an installation to all the others, without guarantees.

    Nothing depends on a frame: a bus may lose, repeat and reorder frames, and be unavailable for any time. What
    people write is encrypted in them, with a key that is soon replaced. A frame is UTF-8 text without NUL, of 1 to
    BUS_FRAME_BYTES (7,000) bytes. A node's own frames may come back to it. `BusLink` is a base class for most
    buses. One that nobody but the nodes can hear or write to, not even a server in between, and that keeps nothing,
    may have an attribute `is_private` that is true: then texts are not encrypted, and frames have no seals.
    """

    async def open(self, receive: Callable[[bytes], None], restored: Callable[[], None]) -> None:
        """Begin to carry frames. Called once, and returns at once, also if the bus is away.

        From then on until `close` it tries to connect, also after a connection was lost or stopped
        answering. `receive` is called on the loop with each frame that arrives, also with those of
        strangers, which the bus may drop but need not check; it does not raise. `restored` is called each
        time that frames begin to arrive, also the first time: earlier frames may be lost. Raises
        `StartupError` for settings that can never work.
        """

    async def publish(self, frames: Sequence[bytes]) -> None:
        """Hand over frames for all nodes.

        Raises `BusUnavailable`, within a few seconds, if that is not possible now; some of the frames may
        still arrive. Nothing is kept to be sent later.
        """

    def is_connected(self) -> bool:
        """Whether frames arrive now, as far as is known."""

    async def close(self) -> None:
        """Release all resources; nothing is received from then on. Never raises."""


class Authenticator(Protocol):
    """Checks passwords and keeps sessions. A token is opaque; only its holder knows it.

    Sessions are records whose keys begin with `session/`: copies of the store leave those out, so that a
    restore ends all sessions. `chatserver.testing.authenticators` has the suite for this contract.

    An authenticator whose checks are costly may also have a method `def turn(self, address: str) ->
    AbstractAsyncContextManager[None]`. Whoever signs in or registers enters it before the store is asked for anything, and
    calls the other methods within. It waits for as long as others are busy, and raises `ChatError` limit.rate with
    `after_ms` at once if too many wait, or too many of this client address: nobody may take all places.
    """

    async def check_password(self, password: str, words: Sequence[str]) -> None:
        """Refuse a weak password; called before `set_password`, and before any other work; never at a sign-in.

        `words` are names of the account and the server. Raises `ChatError` request.invalid, whose `detail`
        has `field` (password) and a `reason`.
        """

    async def set_password(self, user: str, password: str) -> None:
        """Store a verifier of this password. Raises `ChatError` request.invalid if it is too weak."""

    async def verify(
        self, user: str | None, password: str, *, account: str, address: str, device: str = ""
    ) -> bool:
        """Whether the password belongs to the user id; for None (no such account) False, after as long.

        `account` is the name as typed, folded. Failures are limited by account and by address: raises
        `ChatError` limit.rate with `after_ms`, in the same way for accounts that exist and that don't.
        `device` is the client's token of `remember_device`, unchecked. Failures of strangers do not lock a
        user out on devices where the user signed in before.
        """

    async def is_password(self, user: str, password: str) -> bool:
        """Whether this is the present password of a user id who is known to be there; no failure is counted."""

    async def remember_device(self, user: str, device: str = "") -> str:
        """A token for the device on which the user id has just signed in; `device` is its present one.

        It has 1 to 64 characters of A-Z a-z 0-9 _ -. It grants no access: `verify` takes it beside the
        password.
        """

    async def open_session(self, user: str) -> str:
        """A new token for the user id."""

    async def session(self, token: str) -> str | None:
        """The user id of a valid token; None if unknown, expired or revoked (at once on this node)."""

    def session_seconds(self) -> float:
        """Seconds for which an unused session stays valid; a page's cookie lives as long."""

    async def list_sessions(self, user: str | None, after: str, limit: int) -> list[StoredSession]:
        """Sessions of a user id (None: of all), by ascending id > `after`.

        Expired ones may be among them. Nothing in them helps to make or check a token.
        """

    def session_id(self, token: str) -> str:
        """The id by which `list_sessions` names the session of a token; of an invalid token any other text."""

    async def end_session(self, session: str) -> None:
        """Revoke the session with this id of `list_sessions`; unknown ones are ignored."""

    async def close_session(self, token: str) -> None:
        """Revoke one token; unknown ones are ignored."""

    async def close_sessions(self, user: str) -> None:
        """Revoke all tokens of a user id."""


__all__ = [
    "BUS_FRAME_BYTES",
    "RECORD_KEY_BYTES",
    "RECORD_SPACE_BYTES",
    "Appended",
    "Authenticator",
    "Bus",
    "Conflict",
    "IndexPage",
    "IndexPlace",
    "PendingStep",
    "Records",
    "Replica",
    "Replication",
    "Store",
    "StoreFacts",
    "StoreMember",
    "StoredSession",
    "Tally",
    "Unread",
]


class Trace(NamedTuple):
    """A place in a trace that is recorded: ids in hexadecimal digits, as in W3C Trace Context."""

    trace: str
    span: str


class Span(Protocol):
    """A part of the work for one request or operation, with its time. A span that is not ended is dropped."""

    def active(self) -> AbstractContextManager[object]:
        """While this lasts, spans that begin in the same task are children of this one."""

    def set(self, name: str, value: str | int) -> None:
        """Set an attribute."""

    def end(self, error: str = "") -> None:
        """End it now. `error` is a code or the name of an exception, never a text of a user."""


class Tracer(Protocol):
    """Records spans. Its methods are called in hot paths: they return at once and never raise."""

    def begin(
        self,
        name: str,
        kind: Literal["internal", "server", "client"] = "internal",
        attributes: Mapping[str, str | int] = {},
        *,
        headers: Mapping[str, str] | None = None,
        links: Sequence[Trace] = (),
        is_root: bool = False,
    ) -> Span:
        """Begin a span: a child of the active one, unless `is_root`.

        `headers` are those of a request, which may name the caller's trace; `links` are other places that led
        to this work. Names and attributes hold no id or text of a user.
        """

    def current(self) -> Trace | None:
        """The place of the active span; None if there is none, or if its trace is not recorded."""
