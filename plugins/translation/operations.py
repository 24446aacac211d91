"""The operation `translation.translate` of chat.v1."""

from collections.abc import Callable, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from chatserver import Operation, Scope, User
from chatserver_plugins.translation.desk import Desk

Id = Annotated[str, Meta(min_length=1, max_length=100)]
# As BCP 47 has them: de, pt-BR, zh-Hans.
Language = Annotated[str, Meta(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,2}\Z", max_length=20)]


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A message, and the language that it is wanted in."""

    message: Id
    language: Language


def operations(desk: Callable[[], Desk], deadline: float) -> Sequence[Operation]:
    """The operation, for a desk that exists once it is called."""

    async def translate(user: User, wanted: Wanted) -> object:
        return await desk().translate(user, wanted.message, wanted.language)

    return [
        Operation(
            name="translation.translate",
            arguments=Wanted,
            run=translate,
            deadline=deadline,
            scope=Scope.READ,
        )
    ]
