"""Calls of plugins, contained: each under a deadline, and what goes wrong named, counted and bounded."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, NoReturn

from loguru import logger

from chatserver.config import PluginsConfig
from chatserver.errors import ChatError
from chatserver.measure import Measures

# Hooks in which a `ChatError` is an answer to whoever asked; in others it is a failure.
ANSWERING = ("change_message", "check_message", "register_routes", "register_consumers")
# Hooks that are called however often they failed: what one client sends must not shut an address for
# all others, and jobs and consumers pause by themselves.
WITHOUT_BREAKER = ("register_routes", "register_jobs", "register_consumers")


class Call(NamedTuple):
    """One plugin's implementation of one hook, and the arguments it takes."""

    plugin: str
    function: Callable[..., Any]
    arguments: Sequence[str]

    def __call__(self, **given: Any) -> Any:
        return self.function(*[given[name] for name in self.arguments])


class Breaker:
    """Stops asking a plugin that failed several times in a row, for a while."""

    def __init__(self, failures: int, seconds: float) -> None:
        self._limit, self._seconds = failures, seconds
        self._failures = 0
        self._open_until = 0.0

    @property
    def is_open(self) -> bool:
        return self._failures >= self._limit and time.monotonic() < self._open_until

    def note(self, failed: bool) -> None:
        self._failures = self._failures + 1 if failed else 0
        if self._failures >= self._limit:
            self._open_until = time.monotonic() + self._seconds


class PluginFailed(ChatError):
    """A plugin raised, hung or returned garbage. The user learns only that a part failed."""

    def __init__(self) -> None:
        super().__init__("plugin.failed", after_ms=1000)


class Guard:
    """Runs what plugins registered."""

    def __init__(self, settings: PluginsConfig, measures: Measures) -> None:
        self._settings = settings
        # For each hook one: what works in one hook must not hide what fails in another.
        self._breakers: dict[tuple[str, str], Breaker] = {}
        self._seconds = measures.histogram(
            "chatserver_hook_seconds", "Time in a plugin's hook", ("plugin", "hook")
        )
        self._errors = measures.counter(
            "chatserver_hook_errors_total", "Hook calls that failed", ("plugin", "hook", "reason")
        )

    async def run(
        self, hook: str, call: Call, given: dict[str, Any], deadline: float | None = None
    ) -> Any:
        """Await one plugin under a deadline; its errors are logged and counted by its name."""
        breaker = self._breakers.setdefault(
            (call.plugin, hook),
            Breaker(self._settings.breaker_failures, self._settings.breaker_seconds),
        )
        if breaker.is_open and hook not in WITHOUT_BREAKER:
            self.count(hook, call.plugin, "circuit_open")
            raise PluginFailed
        failed: bool | None = True
        started = time.perf_counter()
        try:
            async with asyncio.timeout(deadline or self._settings.deadline_seconds):
                answer = await call(**given)
            failed = False
            return answer
        except TimeoutError:
            self.fail(hook, call.plugin, "timeout", "did not answer in time")
        except (Exception, SystemExit) as error:
            if isinstance(error, ChatError) and hook in ANSWERING:
                failed = False
                raise
            self._crashed(hook, call.plugin, error)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                failed = None  # whoever waited is gone, which is not the plugin's doing
                raise
            self._crashed(hook, call.plugin, error)
        finally:
            if failed is not None:
                breaker.note(failed)
            self._seconds.add(time.perf_counter() - started, (call.plugin, hook))

    def note_crash(self, hook: str, plugin: str, error: BaseException) -> None:
        """Log and count what a plugin raised."""
        logger.opt(exception=error).error("plugin {}: {} failed", plugin, hook)
        self.count(hook, plugin, "error")

    def _crashed(self, hook: str, plugin: str, error: BaseException) -> NoReturn:
        self.note_crash(hook, plugin, error)
        raise PluginFailed from error

    def fail(self, hook: str, plugin: str, reason: str, text: str) -> NoReturn:
        """The plugin broke the hook's contract. Raises `PluginFailed`."""
        logger.error("plugin {}: {} {}", plugin, hook, text)
        self.count(hook, plugin, reason)
        raise PluginFailed

    def count(self, hook: str, plugin: str, reason: str) -> None:
        self._errors.add(labels=(plugin, hook, reason))
