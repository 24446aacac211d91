"""The cost of hooks: python -m tests.bench.hooks. µs of the wall clock for one message, the best of many rounds.

Three plugins whose checks are plain functions, or coroutines that do not wait, called by the server's dispatch and,
for comparison, with nothing in between. The aims: the dispatch takes at most 4 µs for coroutines, and for plain functions
0.5 µs more than calling them.
"""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable

from chatserver import Draft, MessageSend
from chatserver.hooks.calls import HookCalls
from chatserver.hooks.guard import Call
from chatserver.runtime.measure import Measures
from tests.core.hooking import DRAFT, USER
from tests.core.nodes import config, hook_calls

ROUNDS, CALLS, PLUGINS = 400, 1000, 3  # short rounds: others use the processor, too


async def check(draft: Draft) -> None:
    return None


async def check_action(action: MessageSend) -> None:
    return None


def plain(draft: Draft) -> None:
    return None


def plain_action(action: MessageSend) -> None:
    return None


def dispatch(hook: str, argument: str, function: Callable[..., object]) -> HookCalls:
    calls = [
        Call(
            f"p{number}",
            function,
            [argument],
            actions=(MessageSend,) if argument == "action" else (),
            is_plain=not inspect.iscoroutinefunction(function),
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

    async def bare_plain() -> None:
        for _ in range(PLUGINS):
            plain(DRAFT)

    plain_drafts = dispatch("check_message", "draft", plain)
    plain_actions = dispatch("check_action", "action", plain_action)
    drafts = dispatch("check_message", "draft", check)
    actions = dispatch("check_action", "action", check_action)
    nobody = hook_calls(config(), Measures())
    rows = {
        "three plain functions, nothing in between": bare_plain,
        "check_message of three plain functions": lambda: plain_drafts.check_message(DRAFT, USER),
        "check_action of three plain functions, for a message": lambda: plain_actions.check_message(
            DRAFT, USER
        ),
        "check_action of three plain functions": lambda: plain_actions.allow(ACTION, USER),
        "three coroutines, nothing in between": bare,
        "check_message of three coroutines": lambda: drafts.check_message(DRAFT, USER),
        "check_action of three coroutines, for a message": lambda: actions.check_message(
            DRAFT, USER
        ),
        "an action that nobody asks for": lambda: nobody.allow(ACTION, USER),
    }
    for name, call in rows.items():
        print(f"{name}: {await best(call):.2f} µs")


ACTION = MessageSend(room="r", body="hello", reply_to=None, client_id=None, data={})

if __name__ == "__main__":
    asyncio.run(main())
