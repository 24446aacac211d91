"""What a part of the server holds about one person: to show it to them, and to erase it.

`chatserver/privacy` asks all parts, its own and those of plugins.
"""

import re
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import aclosing
from typing import Any, Protocol, TypeAlias

import msgspec

from chatserver.hooks.guard import Call, Guard
from chatserver.hooks.instance import Instance
from chatserver.localized import Localized, is_localized

HOOK = "register_personal_data"
NAME_CHARS, TITLE_CHARS = 64, 100
ERASE_SECONDS = 600.0  # for one call of `erase`, which is repeated after that
PAGE = 500
# The parts of the server itself; see `chatserver/privacy/own.py` and `chatserver/privacy/written.py`.
OWN_NAMES = (
    *("account", "email", "sessions", "sign_in", "preferences", "blocks", "read_markers"),
    *("memberships", "messages", "reactions", "room_events", "files"),
)
BLOB = "blob"  # in an item: the id of a file of the user, which an archive of their data then has

Item: TypeAlias = Mapping[str, Any]
Export: TypeAlias = Callable[[str], AsyncIterator[Item]]

_NAME = re.compile(r"[a-z][a-z_]*")
_END = object()


class PersonalData(msgspec.Struct, frozen=True, kw_only=True):
    """One part of what is held about users.

    `name` has 1 to 64 of a-z and `_`, and is usually the plugin's; no other part has it. `title` says what it is
    to the person themselves. `export` yields what is held about the user of this id, as JSON objects, a few in memory
    at a time; no secrets such as hashes of passwords. An object whose `blob` is the id of a file names a file of the
    user's. `erase` removes all of it: it may be called for users of whom nothing is held, and again after a crash at
    any point. None: it is kept on purpose, such as for the security of all, and ends by itself.
    """

    name: str
    title: Localized
    export: Export
    erase: Callable[[str], Awaitable[None]] | None


def data_problems(plugin: str, data: PersonalData) -> Iterator[str]:
    """Mistakes in a part, one text each."""
    name = f"personal data {data.name!r}:"
    if data.name in OWN_NAMES:
        yield f"{name} this is a part of the server itself"
    elif not _NAME.fullmatch(data.name) or len(data.name) > NAME_CHARS:
        yield f"{name} a name has 1 to {NAME_CHARS} of a-z and _"
    if not is_localized(data.title, TITLE_CHARS):
        yield f"{name} a title has 1 to {TITLE_CHARS} characters"


def guarded_data(
    guard: Guard, plugin: str, data: PersonalData, holds: Sequence[Instance] = ()
) -> PersonalData:
    """The part with functions that the guard contains: each item of an export, and `erase`."""

    async def following(items: AsyncIterator[Item]) -> object:
        return await anext(items, _END)

    step = Call(plugin, following, ("items",), holds=holds)
    erasing = None if data.erase is None else Call(plugin, data.erase, ("user",), holds=holds)

    async def export(user: str) -> AsyncGenerator[Item, None]:
        async def begun() -> AsyncIterator[Item]:
            return aiter(data.export(user))

        items = await guard.call(HOOK, Call(plugin, begun, (), holds=holds), ())
        try:
            while True:
                found = await guard.call(HOOK, step, (items,), is_answer=_is_item)
                if found is _END:
                    return
                yield found
        finally:
            if hasattr(items, "aclose"):
                await items.aclose()

    if erasing is None:
        return msgspec.structs.replace(data, export=export)

    async def erase(user: str) -> None:
        await guard.call(HOOK, erasing, (user,), ERASE_SECONDS)

    return msgspec.structs.replace(data, export=export, erase=erase)


def _is_item(answer: object) -> bool:
    return answer is _END or isinstance(answer, Mapping)


# -- helpers for plugins ----------------------------------------------------------------------------


class _Scanned(Protocol):
    """Records of either kind: `context.records` or `context.expiring`."""

    async def scan(
        self, prefix: str, after: str = "", limit: int = 1000
    ) -> list[tuple[str, bytes]]: ...


async def held_records(records: _Scanned, prefix: str) -> AsyncGenerator[dict[str, Any], None]:
    """The records whose keys begin with `prefix`, for `PersonalData.export`, without it.

    The value is what it holds as JSON, or as text. For records that hold no secret.
    """
    after = ""
    while rows := await records.scan(prefix, after, PAGE):
        after = rows[-1][0]
        for key, value in rows:
            yield {"key": key.removeprefix(prefix), "value": as_json(value)}


async def held_record(records: Any, key: str) -> AsyncGenerator[dict[str, Any], None]:
    """The record of this key, if there is one, for `PersonalData.export`; as in `held_records`."""
    value = await records.get(key)
    if value is not None:
        yield {"value": as_json(value)}


def as_json(value: bytes) -> Any:
    """The value of a record as a person can read it: JSON, else text."""
    if not value:
        return None
    try:
        return msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return value.decode("utf-8", "replace")


async def all_of(*exports: AsyncGenerator[Item, None]) -> AsyncGenerator[Item, None]:
    """The items of several exports, one after the other."""
    for export in exports:
        async with aclosing(export) as items:
            async for item in items:
                yield item
