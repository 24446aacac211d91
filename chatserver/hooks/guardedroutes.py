"""Contained calls of the handlers of plugins' routes: each has a deadline, and its answer is checked."""

from collections.abc import AsyncIterator, Awaitable, Sequence
from typing import Any, Protocol, cast

import msgspec

from chatserver.hooks.deadline import Deadline
from chatserver.hooks.guard import Call, Guard
from chatserver.hooks.instance import Instance
from chatserver.hooks.types import Handler, Reply, Request, Route

HOOK = "register_routes"


class GuardedHandler(Protocol):
    """A handler of a plugin's route that is called under a deadline: by default the route's."""

    def __call__(self, request: Request, deadline: Deadline | None = None) -> Awaitable[Reply]: ...


def guarded_route(guard: Guard, plugin: str, route: Route, holds: Sequence[Instance]) -> Route:
    """The route with handlers that the guard contains."""
    handlers: dict[str, GuardedHandler] = {
        method: _guarded(guard, plugin, handler, route.deadline, holds)
        for method, handler in route.handlers.items()
    }
    return msgspec.structs.replace(route, **cast(Any, handlers))


def _guarded(
    guard: Guard, plugin: str, handler: Handler, seconds: float | None, holds: Sequence[Instance]
) -> GuardedHandler:
    call = Call(plugin, handler, ("request",), holds=holds)

    async def answer(request: Request, deadline: Deadline | None = None) -> Reply:
        reply = await guard.run(HOOK, call, {"request": request}, deadline or seconds)
        if not isinstance(reply, Reply):
            guard.fail(HOOK, plugin, "garbage", f"returned {type(reply)}")
        if not isinstance(reply.body, bytes | AsyncIterator):
            guard.fail(HOOK, plugin, "garbage", f"answers {type(reply.body)}")
        return reply

    return answer
