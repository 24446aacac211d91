"""Finds the page of a room, message or user by its id, or of a user by name."""

from collections.abc import Awaitable, Mapping
from typing import TypeVar
from urllib.parse import urlencode

from chatserver import ChatError, Inspection, Reply
from chatserver_plugins.browser.frame import HOME
from chatserver_plugins.browser.query import word

FoundT = TypeVar("FoundT")


async def find(look: Inspection, query: Mapping[str, str]) -> Reply:
    """A redirect to the page. Raises `ChatError` request.not_found."""
    wanted = word(query, "for").strip()
    room, dash, seq = wanted.rpartition("-")
    is_message = dash and seq.isascii() and seq.isdigit()
    if is_message and await _found(look.room(room)) is not None:
        return _to("event", room=room, seq=seq)
    if await _found(look.room(wanted)) is not None:
        return _to("room", room=wanted)
    user = await _found(look.user_named(wanted.removeprefix("@"))) or await _found(
        look.user(wanted)
    )
    if user:
        return _to("user", user=user.id)
    raise ChatError("request.not_found", "There is no room, message or user with this id or name.")


async def _found(found: Awaitable[FoundT]) -> FoundT | None:
    """The result, or None if there is no such object."""
    try:
        return await found
    except ChatError as error:
        if error.code not in ("room.not_found", "user.not_found"):
            raise
        return None


def _to(page: str, **query: str) -> Reply:
    return Reply(body=b"", status=303, headers={"Location": f"{HOME}/{page}?{urlencode(query)}"})
