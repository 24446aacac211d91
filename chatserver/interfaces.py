"""The parts of which a server has exactly one: the contracts that their plugins keep.

A contract is the docstring here; `chatserver.testing` holds the suites that check it.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import NamedTuple, Protocol, TypeAlias

from chatserver.model import AnyEvent, MemberEvent, MessageChange, MessagePosted, RoomChanged


class Conflict(Enum):
    """Why a store refused an event of a batch."""

    POSITION = "position"  # (room, seq) is taken: another node wrote there first
    CLIENT_ID = "client_id"  # (author, client_id) is stored: a repeated send


class Appended(NamedTuple):
    """The first `stored` events of the batch are durable; `conflict` says what stopped the next."""

    stored: int
    conflict: Conflict | None = None


class Unread(NamedTuple):
    """How many messages of a room a user has not read, and how many of these mention them."""

    messages: int
    mentions: int


class Tally(NamedTuple):
    """How often a message was changed. `own` are those of `others` that are by the user asked about."""

    edits: int
    others: int  # reactions and pins, added and removed
    own: int


# Where a page of a room's search index is: room, slot, first. The numbers say which tokens and events
# it is about. A plain tuple, as a search makes thousands.
IndexPlace: TypeAlias = tuple[str, int, int]


class IndexPage(NamedTuple):
    """A piece of a room's search index, and its place."""

    room: str
    slot: int
    first: int
    data: bytes


# What every store can index; PostgreSQL is the narrowest: 2,704 bytes for both together.
RECORD_SPACE_BYTES = 255
RECORD_KEY_BYTES = 1024


class Store(Protocol):
    """Keeps the log of every room, and small records.

    All methods may be called concurrently, by several nodes on one store. A call either returns
    within the store's time limit (2–3 s) or raises `StoreUnavailable`; after that error a write
    may or may not have happened. Texts are any Unicode without lone surrogates, NUL included.

    A store that is only for trying out may have a method `for_trial() -> str` besides: why nobody
    should rely on it, in a sentence. `chatserver serve` logs it as a warning.
    """

    def is_private(self) -> bool:
        """Can one process alone have the data, as in its memory or in a file of its data folder?

        Asked before `open`. If not, commands may work beside a running server.
        """

    async def plan(self) -> list[str]:
        """What `open` would change of the schema, one line a step; empty if nothing.

        Asked instead of `open`, also beside a running server; changes nothing. Raises
        `StartupError`, as `open` does where the data is of a newer version than it knows.
        """

    async def open(self) -> None:
        """Connect, and bring the schema (tables, indexes) up to date. Raises `StartupError`.

        Of several nodes one does it and the others wait. What was interrupted is finished by the
        next `open`. Where the data is of a newer version it is left alone, and both are named.
        """

    async def open_to_read(self) -> None:
        """Connect instead of `open`, beside a process that has the data; change nothing.

        What only reads works then, and sees what is durable; a write may raise `StoreUnavailable`.
        Raises `StartupError`, also where no other process can get at the data, or where its schema
        is not up to date.
        """

    async def close(self) -> None:
        """Let go of everything. Never raises."""

    def scratch(self, name: str) -> dict[str, object]:
        """Settings with which a server has another store of this kind, for a trial.

        They go over those of the configuration, by their whole key, as `plugin.mystore.table`. With
        them, and with a data folder of its own, that server touches nothing of this store. `name`
        is of a-z, 0-9 and `_`, 40 at most. Asked before `open`. Raises `StartupError` where there
        can be no other store, or none that outlives its server.
        """

    async def erase(self) -> None:
        """Remove all that is kept; afterwards the store can only be closed.

        Asked only of what `scratch` has named. Raises `StoreUnavailable`; then some may be left.
        """

    async def ping(self) -> None:
        """Return if a durable write would be possible now, else raise `StoreUnavailable`."""

    # -- the log ----------------------------------------------------------------------------

    async def append(self, events: Sequence[AnyEvent]) -> Appended:
        """Write `events` in this order and return once those that stand are durable.

        (room, seq) is unique, and (author.id, client_id) is unique among posted messages. The
        first event that breaks a rule stops the batch: all before it stand, none after it is
        written. No reader sees an event of a batch before all that come before it there. Durable means: it survives the loss of power and, in a replicated store, of any
        one member. A reader may see an event before `append` has returned.
        """

    # A newer version may have written events that this one does not know. `chatserver.read_event` makes
    # an `UnknownEvent` of them; methods that return events of certain kinds leave them out.

    async def heads(self, rooms: Sequence[str]) -> dict[str, int]:
        """The highest seq of each room, in one query; a room without events is left out."""

    async def read(self, room: str, after: int, limit: int) -> list[AnyEvent]:
        """At most `limit` events with seq > `after`, ascending."""

    async def ranges(self, wanted: Sequence[tuple[str, int]], limit: int) -> list[list[AnyEvent]]:
        """What `read` returns for each (room, after), in this order; all at once."""

    async def messages(self, room: str, before: int | None, limit: int) -> list[MessagePosted]:
        """The newest `limit` posted messages with seq < `before` (None: of all), ascending."""

    async def pages(
        self, wanted: Sequence[tuple[str, int | None]], limit: int
    ) -> list[list[MessagePosted]]:
        """What `messages` returns for each (room, before), in this order; all at once."""

    async def posted(self, keys: Sequence[tuple[str, int]]) -> list[MessagePosted]:
        """The messages posted at these (room, seq), all at once, in any order.

        Left out are keys where there is no event or one of another kind.
        """

    # However often a message was changed, no answer of these three grows with that, and no more is read
    # of a store than entries of an index and reactions: texts that were replaced are not.

    async def changes(self, messages: Mapping[str, Sequence[str]]) -> list[MessageChange]:
        """The changes that make the message ids of each room what they are now, at once.

        Of each message: the newest edit; the newest deletion; each `reaction.added` that is the newest
        event of its author with its emoji; `pin.added` if it is newer than any `pin.removed`. Those of
        one room are ascending by seq.
        """

    async def texts(self, messages: Mapping[str, Sequence[str]]) -> dict[tuple[str, str], int]:
        """Which of the message ids of each room have another text than they were posted with, at once.

        By (room, message): the seq of the newest edit, or 0 if the message is deleted.
        """

    async def tally(self, room: str, message: str, user: str) -> Tally:
        """How often the message was changed, and how often by the user id."""

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
        """For each user ever in one of the rooms the newest member event there, at once.

        Left ones too; any order.
        """

    async def memberships(self, user: str) -> list[MemberEvent]:
        """For each room the user was ever in, their newest member event there; any order."""

    async def unread(self, user: str, after: Mapping[str, int]) -> dict[str, Unread]:
        """Messages of others with seq > after[room], and how many mention `user`; in one query.

        Rooms without any are left out.
        """

    # -- the search index: pages that follow from the log, and can be made again from it ------

    async def index(self, room: str, upto: int, pages: Sequence[IndexPage]) -> None:
        """Keep the pages of a room, then, durably, that it is indexed up to the seq `upto`.

        A page of the same slot and first is replaced. What is indexed never goes back. Two nodes
        may write the same pages at once.
        """

    async def indexed(self, rooms: Sequence[str]) -> dict[str, int]:
        """Up to which seq each room is indexed, in one query; those without an index are left out."""

    async def index_pages(self, places: Sequence[IndexPlace]) -> list[bytes | None]:
        """The data of the page at each of these places, or None; in their order, and in one query.

        There may be thousands.
        """

    async def drop_index(self, room: str, slot: int, first: int) -> None:
        """Remove the room's pages of a lower slot and a lower first."""

    # -- records: small values under (space, key), for sessions, accounts, markers, plugins --
    #
    # In UTF-8 a space has at most RECORD_SPACE_BYTES (255), a key RECORD_KEY_BYTES (1,024), whatever is in
    # them; up to there a store keeps them apart by each byte. Longer keys of plugins raise `ValueError`
    # before a store is asked.

    async def get(self, space: str, key: str) -> bytes | None:
        """The value, or None."""

    async def get_many(self, space: str, keys: Sequence[str]) -> dict[str, bytes]:
        """The values of these keys, at once; unknown keys are left out."""

    async def put(self, space: str, key: str, value: bytes) -> None:
        """Set the value, durably."""

    async def add(self, space: str, key: str, value: bytes) -> bool:
        """Set the value if there is none, durably and atomically; False if there is one."""

    async def swap(self, space: str, key: str, old: bytes, new: bytes) -> bool:
        """Replace `old` by `new`, durably and atomically; False if the value is not `old`."""

    async def delete(self, space: str, key: str) -> bool:
        """Remove it, durably; False if there was none."""

    async def scan(
        self, space: str, prefix: str, after: str = "", limit: int = 1000
    ) -> list[tuple[str, bytes]]:
        """At most `limit` (key, value) with this prefix and key > `after`, by ascending key."""

    async def spaces(self) -> list[str]:
        """All spaces that hold a record, ascending. There are few of them."""


class Records(Protocol):
    """One space of a store's records, as a plugin gets it. See `Store` for what each promises."""

    async def get(self, key: str) -> bytes | None: ...
    async def put(self, key: str, value: bytes) -> None: ...
    async def add(self, key: str, value: bytes) -> bool: ...
    async def swap(self, key: str, old: bytes, new: bytes) -> bool: ...
    async def delete(self, key: str) -> bool: ...
    async def scan(
        self, prefix: str, after: str = "", limit: int = 1000
    ) -> list[tuple[str, bytes]]: ...


class StoredSession(NamedTuple):
    """What is known of a session but its token. The times are Unix times."""

    id: str  # names the session, and tells nobody its token
    user: str
    created: float | None  # None: not known
    expires: float | None  # None: never


# PostgreSQL, the narrowest way for a frame, notifies with less than 8,000 bytes.
BUS_FRAME_BYTES = 7000


class Bus(Protocol):
    """Carries small frames from each node of an installation to all the others, as well as it can.

    A frame is a hint, never the truth: a bus may lose, repeat and reorder frames, and be away for
    any time. A frame is UTF-8 text without NUL, of 1 to BUS_FRAME_BYTES (7,000) bytes. A
    node's own frames may come back to it. `BusLink` brings what most buses need for this.
    """

    async def open(self, receive: Callable[[bytes], None], restored: Callable[[], None]) -> None:
        """Begin to carry. Called once, and returns at once, also where the bus is away.

        The bus is then sought until `close`, and again whenever it is lost, also where it only
        does not answer any more. `receive` is called on the loop with each frame that arrives,
        also with what strangers sent, which the bus may drop, but need not look at; it does not
        raise. `restored` is called each time that frames begin to arrive, the first time too: what
        was sent before may be lost. Raises `StartupError` for settings that can never work.
        """

    async def publish(self, frames: Sequence[bytes]) -> None:
        """Hand frames over to be carried to all nodes.

        Raises `BusUnavailable` if that is not possible now, within a few seconds; whether some
        of the frames arrive is then not known. Nothing is kept to be sent later.
        """

    def is_connected(self) -> bool:
        """Do frames arrive now, as far as is known?"""

    async def close(self) -> None:
        """Let go of everything; nothing is received from then on. Never raises."""


class Authenticator(Protocol):
    """Checks passwords and keeps sessions. A token is opaque; only its holder knows it.

    Sessions are records whose keys begin with `session/`: copies of the store leave those out, so
    that a restore ends them all. `chatserver.testing.authenticators` checks it.
    """

    def check_password(self, password: str, words: Sequence[str]) -> None:
        """Whether a new password is good enough; asked before `set_password`, and before any other work.

        `words` are names of the account and the server. Raises `ChatError` request.invalid, of which
        `detail` has `field` (password) and a `reason`.
        """

    async def set_password(self, user: str, password: str) -> None:
        """Store what later verifies this password. Raises `ChatError` request.invalid if too weak."""

    async def verify(
        self, user: str | None, password: str, *, account: str, address: str, device: str = ""
    ) -> bool:
        """Does the password belong to the user id? None (no such account) takes as long and is False.

        `account` is the name as typed, folded; failures are limited by account and by address:
        raises `ChatError` limit.rate with `after_ms`, alike for accounts that exist and that don't.
        `device` is what the client says it got from `remember_device`: anything. Strangers' failures
        keep nobody out where they signed in before.
        """

    async def remember_device(self, user: str, device: str = "") -> str:
        """A token for the device on which the user id has just signed in; `device` is its present one.

        1 to 64 of A-Z a-z 0-9 _ -. It opens nothing: `verify` takes it beside the password.
        """

    async def open_session(self, user: str) -> str:
        """A new token for the user id."""

    async def session(self, token: str) -> str | None:
        """The user id of a valid token; None if unknown, expired or revoked (at once on this node)."""

    def session_seconds(self) -> float:
        """For how long a session that is not used stays valid; a page's cookie lives as long."""

    async def list_sessions(self, user: str | None, after: str, limit: int) -> list[StoredSession]:
        """Sessions of a user id (None: of all), by ascending id > `after`.

        Expired ones may be among them; nothing from which a token could be made or checked.
        """

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
    "Records",
    "Store",
    "StoredSession",
    "Tally",
    "Unread",
]
