"""Calls of commands under way on this node, and the last outcomes, so that a repeated call runs once."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

import msgspec

from chatserver.errors import ChatError
from chatserver.runtime.cancelling import cancel_or_name

UNDER_WAY = 8  # calls of one user at the same time; more are refused
KEPT = 4  # outcomes of one user that are kept; clients repeat their last call
USERS = 1000  # whose outcomes are kept; of the others, a repeat may run again
BUSY_MS = 1000


class CommandOutcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The outcome of a command: a note for the user alone, the place of a message that it posted, or neither.

    `dup` is true if this repeats an earlier call.
    """

    text: str | None = None
    message: str | None = None
    seq: int | None = None
    repeated: bool = msgspec.field(default=False, name="dup")


class _Run(NamedTuple):
    what: object
    task: asyncio.Task[CommandOutcome]


class Runs:
    """The calls of each user by their client_id.

    A call that has begun goes on if its client leaves, so that a repeat finds its outcome.
    """

    def __init__(self) -> None:
        self._users: OrderedDict[str, dict[str, _Run]] = OrderedDict()
        self._tasks: set[asyncio.Task[CommandOutcome]] = set()

    async def once(
        self,
        user: str,
        client_id: str,
        what: object,
        run: Callable[[], Coroutine[Any, Any, CommandOutcome]],
    ) -> CommandOutcome:
        """The outcome of `run`, which is called unless this call of the user's is known already.

        `what` tells calls apart: another one under the same client_id is refused (message.client_id_reused). A
        call that raised is not kept. Raises `ChatError` limit.rate if too many calls are under way.
        """
        runs = self._of(user)
        known = runs.get(client_id)
        if known is not None:
            if known.what != what:
                raise ChatError("message.client_id_reused")
            return msgspec.structs.replace(await asyncio.shield(known.task), repeated=True)
        self._make_room(runs)
        task = asyncio.create_task(run(), name=f"command of {user}")
        runs[client_id] = _Run(what, task)
        self._tasks.add(task)
        task.add_done_callback(lambda task: self._ended(user, client_id, task))
        return await asyncio.shield(task)

    async def stop(self) -> None:
        """Cancel the calls under way."""
        await cancel_or_name(list(self._tasks))

    def _of(self, user: str) -> dict[str, _Run]:
        runs = self._users.setdefault(user, {})
        self._users.move_to_end(user)
        while len(self._users) > USERS:
            self._users.popitem(last=False)
        return runs

    def _make_room(self, runs: dict[str, _Run]) -> None:
        ended = [client_id for client_id, run in runs.items() if run.task.done()]
        for client_id in ended[: max(0, len(ended) - KEPT + 1)]:
            del runs[client_id]
        if len(runs) - min(len(ended), KEPT - 1) >= UNDER_WAY:
            raise ChatError("limit.rate", after_ms=BUSY_MS)

    def _ended(self, user: str, client_id: str, task: asyncio.Task[CommandOutcome]) -> None:
        self._tasks.discard(task)
        runs = self._users.get(user, {})
        has_failed = task.cancelled() or task.exception() is not None
        if has_failed and client_id in runs and runs[client_id].task is task:
            del runs[client_id]
