"""Commands, such as `/invite @bob`: how plugins declare them, and what they get and answer when one is run."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, Generic, Literal, TypeAlias, TypeVar

import msgspec
from msgspec import Meta

from chatserver.localized import Localized
from chatserver.model import RoomKind, RoomRole, ServerRole, User
from chatserver.roomlog.room import Room

A = TypeVar("A")

# The type of an argument that takes all of the text that is left, as it was typed.
Rest: TypeAlias = Annotated[str, Meta(extra={"argument": "rest"})]


class NoArguments(msgspec.Struct, frozen=True):
    """The arguments of a command that takes none."""


class Invocation(msgspec.Struct, Generic[A], frozen=True, kw_only=True):
    """One run of a command by `user` in `room`, which the user may read.

    `text` is what was typed behind the name. `client_id` is the client's; a repeat of the same call has the
    same one.
    """

    user: User
    room: Room
    arguments: A
    text: str
    client_id: str


class CommandAnswer(msgspec.Struct, frozen=True):
    """The answer of a command: a note that only the user sees, or a message of the user's in the room.

    A note is cut at `limits.message_chars`. A message takes the way of all messages: the user's rights, limits
    and plugins may refuse it.
    """

    text: str
    to: Literal["user", "room"] = "user"


class Suggestion(msgspec.Struct, frozen=True):
    """A value for the argument that is being typed, and what it means. The server quotes it if needed."""

    value: str
    about: Localized = ""


class Completion(msgspec.Struct, frozen=True, kw_only=True):
    """A command that is being typed: `value` is the beginning of `argument`, `before` are the words before it."""

    user: User
    room: Room
    argument: str
    value: str
    before: tuple[str, ...]


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """A command. `name` is 1 to 32 of a-z, 0-9 and `-`; `about` is one sentence for the list of commands, or one
    for each language.

    The fields of `arguments` are read in their order. A field is a `str` (one word, or several in quotes), an
    `int`, a `float`, a `bool` (yes or no), a `Literal` or an enumeration of texts, a `User` (typed as @name), a
    `Room` (typed as #name, of those that the user is in, or an id), or, as the last one, `Rest`, which takes
    what is left. Bounds in `Meta` are checked. A field with a default may be left out. A `__post_init__` that
    raises `ValueError("why")` refuses the command with this reason. `usage` is made of the fields if it is
    empty.

    `who` is the lowest role that may run it, in the room or on the server; staff of the server count in public
    rooms as the room's owners. Elsewhere than in `rooms` there is no such command.

    `run` has `deadline` seconds, `plugins.deadline_seconds` if that is None. `complete` suggests values for an
    argument and is asked before the server's own suggestions, which come if it returns None.
    """

    name: str
    about: Localized
    run: Callable[[Invocation[Any]], Awaitable[CommandAnswer | None]]
    arguments: type[msgspec.Struct] = NoArguments
    usage: str = ""
    who: RoomRole | ServerRole = RoomRole.MEMBER
    rooms: tuple[RoomKind, ...] = tuple(RoomKind)
    complete: Callable[[Completion], Awaitable[Sequence[Suggestion] | None]] | None = None
    deadline: float | None = None
