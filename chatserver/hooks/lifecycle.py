"""Starts and ends plugins: their `startup` and `shutdown` hooks."""

import asyncio

from chatserver.errors import StartupError
from chatserver.hooks import door
from chatserver.hooks.active import Calls
from chatserver.hooks.guard import Guard, PluginFailed
from chatserver.hooks.registering import ContextOf

STARTUP_SECONDS = 60.0  # for one plugin's `startup`; after this a plugin that hangs is named


async def start(calls: Calls, context: ContextOf) -> None:
    """Start the plugins of these calls, in order. Raises `StartupError` for the first that fails."""
    for call in calls["startup"]:
        try:
            async with asyncio.timeout(STARTUP_SECONDS):
                with door.entered(call.plugin):
                    await call(context=context(call.plugin))
        except TimeoutError as error:
            raise StartupError(
                f"plugin {call.plugin}: startup did not finish within {STARTUP_SECONDS:g} s"
            ) from error
        except (Exception, SystemExit) as error:
            raise StartupError(f"plugin {call.plugin}: startup: {error}") from error
        for instance in call.holds:
            instance.has_started = True


async def end(guard: Guard, calls: Calls) -> None:
    """End the plugins of these calls that started or need no start, in reversed order. Failures are logged."""
    must_have_started = {call.plugin for call in calls["startup"]}
    for call in reversed(calls["shutdown"]):
        has_started = all(instance.has_started for instance in call.holds)
        if call.plugin in must_have_started and not has_started:
            continue
        try:
            await guard.run("shutdown", call, {})
        except PluginFailed:
            continue
