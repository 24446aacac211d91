"""The directory over WebSocket: the operation `directory.people` of chat.v1."""

from collections.abc import Callable, Sequence

from chatserver import Operation, Scope, User
from chatserver_plugins.directory.desk import Asked, Desk, shown


def operations(desk: Callable[[], Desk]) -> Sequence[Operation]:
    """The operation, for a desk that exists once it is called."""

    async def people(user: User, asked: Asked) -> object:
        return shown(await desk().page(user, asked))

    return [Operation(name="directory.people", arguments=Asked, run=people, scope=Scope.READ)]
