"""For plugins that add to the GraphQL schema: inputs of mutations, and fields of many objects at once."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

import msgspec

from chatserver.errors import ChatError

InputT = TypeVar("InputT")
ValueT = TypeVar("ValueT")


class Together(Generic[ValueT]):
    """Asks together for what resolvers ask one by one in the same turn of the loop, for whichever requests."""

    def __init__(self, ask: Callable[[Sequence[str]], Awaitable[Mapping[str, ValueT]]]) -> None:
        """`ask` gets the keys of one turn, each once, and returns values for those that have one."""
        self._ask = ask
        self._found: asyncio.Task[Mapping[str, ValueT]] | None = None
        self._wanted: dict[str, None] = {}

    async def of(self, key: str) -> ValueT | None:
        """The value of a key, None without one. Raises what `ask` raises."""
        if self._found is None:
            self._found = asyncio.create_task(self._all())
        self._wanted[key] = None
        return (await asyncio.shield(self._found)).get(key)

    async def _all(self) -> Mapping[str, ValueT]:
        wanted, self._wanted, self._found = list(self._wanted), {}, None
        return await self._ask(wanted)


def read_input(given: Mapping[str, Any], kind: type[InputT]) -> InputT:
    """The argument `input` of a mutation as a struct, whose fields have `rename="camel"`.

    Raises `ChatError` request.invalid, which names the field.
    """
    try:
        return msgspec.convert(given, kind)
    except msgspec.ValidationError as error:
        raise ChatError("request.invalid", str(error)) from error
