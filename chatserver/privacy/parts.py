"""All parts of what is held about users: those of the server itself, then those of plugins."""

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from typing import Any

import msgspec

from chatserver.hooks.personal import PersonalData


class PersonalParts:
    """The parts, each under its name."""

    def __init__(self, own: Sequence[PersonalData]) -> None:
        self._own, self._of_plugins = tuple(own), ()  # type: tuple[PersonalData, ...], tuple[PersonalData, ...]

    def register(self, parts: Sequence[tuple[str, PersonalData]]) -> None:
        """Take the parts of all plugins, each with its plugin's name, in place of those before."""
        self._of_plugins = tuple(part for _, part in parts)

    def __iter__(self) -> Iterator[PersonalData]:
        return iter((*self._own, *self._of_plugins))

    async def erase(self, user: str) -> None:
        """Remove what all parts hold about a user (id). Raises what the first part raises that cannot."""
        for part in self:
            if part.erase is not None:
                await part.erase(user)


async def items(part: PersonalData, user: str) -> AsyncGenerator[dict[str, Any], None]:
    """The items of a part about a user (id), as objects that JSON can hold."""
    async with aclosing(part.export(user)) as found:  # type: ignore[type-var]
        async for item in found:
            yield msgspec.to_builtins(item, str_keys=True)
