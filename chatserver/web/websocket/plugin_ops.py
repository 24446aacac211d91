"""Operations of `chat.v1` that plugins add."""

import msgspec

from chatserver.hooks import listening
from chatserver.hooks.calls import HookCalls
from chatserver.model import Scope, User
from chatserver.protocol import BadRequest
from chatserver.web.websocket.ops import Client


class PluginOp(msgspec.Struct, frozen=True):
    """One call of a plugin's operation."""

    id: int | float | None
    name: str
    arguments: object
    scope: Scope | None = None


def parse(frame: bytes, hooks: HookCalls, unknown: BadRequest) -> PluginOp:
    """The call in a frame whose `op` the server itself does not know. Raises `BadRequest`.

    `unknown` is raised if no plugin knows it either.
    """
    try:
        fields: dict[str, object] = msgspec.json.decode(frame, type=dict[str, object])
    except (msgspec.DecodeError, RecursionError):  # deep inside, where nobody has looked yet
        raise unknown from None
    name = fields.pop("op", None)
    known = hooks.operation(name) if isinstance(name, str) else None
    if known is None:
        raise unknown
    fields.pop("id", None)
    try:
        arguments: object = msgspec.convert(fields, known.arguments)
    except msgspec.ValidationError as error:
        raise BadRequest("request.invalid", str(error), unknown.id) from error
    return PluginOp(unknown.id, known.name, arguments, known.scope)


async def run(client: Client, user: User, op: PluginOp) -> None:
    """Call the plugin, and say what it returns."""
    with listening.entered(client.subscriber):
        answer = await client.service.hooks.run_operation(op.name, user, op.arguments)
    client.say(op.id, answer)
