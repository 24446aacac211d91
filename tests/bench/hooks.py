"""The cost of hooks: python -m tests.bench.hooks. µs of the wall clock for one message, the best of many rounds.

Three plugins whose checks are coroutines that do not wait, called by the server's dispatch and, for comparison, with
nothing in between. At most 4 µs is the aim.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

from chatserver import Draft, MessageSend
from chatserver.hooks.calls import HookCalls
from chatserver.hooks.guard import Call
from chatserver.runtime.measure import Measures
from tests.core.hooking import DRAFT, USER
from tests.core.nodes import config, hook_calls

ROUNDS, CALLS, PLUGINS = 15, 20_000, 3


async def check(draft: Draft) -> None:
    return None


async def check_action(action: MessageSend) -> None:
    return None


def dispatch(hook: str, argument: str, function: Callable[..., object]) -> HookCalls:
    calls = [
        Call(
            f"p{number}",
            function,
            [argument],
            actions=(MessageSend,) if argument == "action" else (),
        )
        for number in range(PLUGINS)
    ]
    return hook_calls(config(), Measures(), {hook: calls})


async def best(call: Callable[[], Awaitable[object]]) -> float:
    """Microseconds."""
    found = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for _ in range(CALLS):
            await call()
        found.append((time.perf_counter() - began) / CALLS)
    return min(found) * 1e6


async def main() -> None:
    async def bare() -> None:
        for _ in range(PLUGINS):
            await check(DRAFT)

    drafts = dispatch("check_message", "draft", check)
    actions = dispatch("check_action", "action", check_action)
    nobody = hook_calls(config(), Measures())
    rows = {
        "nothing in between": bare,
        "check_message of three plugins": lambda: drafts.check_message(DRAFT, USER),
        "check_action of three plugins, for a message": lambda: actions.check_message(DRAFT, USER),
        "an action that nobody asks for": lambda: nobody.allow(ACTION, USER),
    }
    for name, call in rows.items():
        print(f"{name}: {await best(call):.2f} µs")


ACTION = MessageSend(room="r", body="hello", reply_to=None, client_id=None, data={})

if __name__ == "__main__":
    asyncio.run(main())
