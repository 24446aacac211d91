"""What the hooks that leave things out of lists and searches get and return."""

from collections.abc import Collection
from typing import Any

import msgspec

from chatserver.errors import ChatError
from chatserver.hooks.reasons import is_reason
from chatserver.hooks.types import Refusal
from chatserver.model import RoomKind
from chatserver.search.query import parse


class FoundRoom(msgspec.Struct, frozen=True, kw_only=True):
    """A room that the user would find. The `name` of a direct room has those of the other users."""

    id: str
    name: str | None
    kind: RoomKind
    topic: str
    joined: bool


class FoundUser(msgspec.Struct, frozen=True, kw_only=True):
    """A user whom the user would find, by id and shown name. `bot`: an account of a machine."""

    id: str
    name: str
    bot: bool


class SearchQuery(msgspec.Struct, frozen=True, kw_only=True):
    """A search: its text as typed, and the room that it is in, None for all rooms of the user."""

    text: str
    room: str | None


def are_ids(answer: object) -> bool:
    """Whether an answer of `filter_rooms` or `filter_users` is none, or ids."""
    if answer is None:
        return True
    is_many = isinstance(answer, Collection) and not isinstance(answer, str | bytes | dict)
    return is_many and all(isinstance(each, str) for each in answer)  # type: ignore[attr-defined]


def is_search(answer: Any) -> bool:
    """Whether an answer of `filter_search` is none, a refusal, or a query that can be read."""
    if answer is None:
        return True
    if isinstance(answer, Refusal):
        return is_reason(answer.reason)
    if not isinstance(answer, SearchQuery) or not isinstance(answer.text, str):
        return False
    try:
        parse(answer.text)
    except ChatError:
        return False
    return True
