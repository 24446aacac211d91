"""Calls of judging hooks that are plain functions: directly, without a coroutine, a timer or a task.

A plain function cannot be interrupted. While it runs the event loop stands still, so one that takes longer than its
deadline has failed for everybody; it counts as a time-out when it returns. The watchdog names it while it runs.
"""

import asyncio
import time
from collections.abc import Callable
from types import CoroutineType
from typing import Any

from chatserver.config import PluginsConfig
from chatserver.errors import ChatError
from chatserver.hooks.chains import Asked, Chain, Given
from chatserver.hooks.guard import Guard, PluginFailed
from chatserver.interfaces import Tracer
from chatserver.runtime.measure import LATENCY_SECONDS, Tally
from chatserver.tracing.spans import around

# Whether an answer, None included, is one that a plugin of a chain may give.
IsAnswer = Callable[[Asked, Any], bool]


class PlainCalls:
    """Asks the plain functions of chains. Failures count as those of coroutines, in the same guard."""

    _short = LATENCY_SECONDS[0]  # seconds; calls below it are tallied

    def __init__(self, guard: Guard, settings: PluginsConfig) -> None:
        self._guard, self._settings = guard, settings
        self._troubled, self._now = guard.troubled, time.perf_counter

    def ask(
        self, chain: Chain, start: int, given: Given, by: str, is_answer: IsAnswer
    ) -> tuple[int, Any]:
        """Ask one plain function after the other, from the place `start` on, until one answers.

        Returns its place and answer; if none answers, the place of the first that must be awaited, or the chain's
        length, and None. `by` is the user, or the address, whose failures count together. Raises `PluginFailed`,
        and the plugin's `ChatError`.
        """
        # The loop is written for speed: tests/bench/hooks.py shows its cost.
        now, troubled, short = self._now, self._troubled, self._short
        began = now()
        for asked in chain[start:] if start else chain:
            if not asked.is_plain:
                return chain.index(asked), None
            if not asked.wants_all and asked.skips(given):
                continue
            if troubled and not self._is_admitted(asked, by):
                continue
            try:
                if (only := asked.only) >= 0:
                    answer = asked.function(given[only])
                else:
                    answer = asked.function(*asked.pick(given))
            except (Exception, SystemExit, asyncio.CancelledError) as error:
                self._raised(asked, error, now() - began, by)
                began = now()
                continue
            ended = now()
            seconds, began = ended - began, ended
            if seconds < short:
                tally = asked.tally or self._tally(asked)
                tally.count += 1
                tally.total += seconds
            elif not self._is_in_time(asked, seconds, by):
                continue
            if answer is not None:
                if self._is_accepted(asked, answer, is_answer, by):
                    return chain.index(asked), answer
            elif troubled:
                self._guard.note(asked.hook, asked.call.plugin, by, failed=False)
        return len(chain), None

    def _is_admitted(self, asked: Asked, by: str) -> bool:
        """Whether the breaker lets the plugin be asked."""
        plugin = asked.call.plugin
        if self._guard.admits(asked.hook, plugin, by):
            return True
        self._guard.count(asked.hook, plugin, "circuit_open")
        self._pass(asked, PluginFailed())
        return False

    def _tally(self, asked: Asked) -> Tally:
        asked.tally = self._guard.seconds.tallies.setdefault(asked.labels, Tally())
        return asked.tally

    def _raised(self, asked: Asked, error: BaseException, seconds: float, by: str) -> None:
        """Handle what a function raised. Returns if its policy lets the subject pass."""
        self._guard.seconds.add(seconds, asked.labels)
        # As for coroutines: an exception refuses one message, and does not count for the breaker.
        self._guard.note(asked.hook, asked.call.plugin, by, failed=False)
        if isinstance(error, ChatError):
            raise error
        self._guard.note_crash(asked.hook, asked.call.plugin, error)
        failure = PluginFailed()
        failure.__cause__ = error
        self._pass(asked, failure)

    def _is_in_time(self, asked: Asked, seconds: float, by: str) -> bool:
        """Note a call that was not short; whether it was within the plugin's deadline."""
        self._guard.seconds.add(seconds, asked.labels)
        if seconds <= (asked.call.policy.deadline or self._settings.deadline_seconds):
            return True
        self._failed(asked, "timeout", f"blocked the event loop for {seconds:.1f} s", by)
        return False

    def _is_accepted(self, asked: Asked, answer: Any, is_answer: IsAnswer, by: str) -> bool:
        """Whether the answer is a valid one."""
        try:
            is_valid = is_answer(asked, answer)
        except Exception:  # of an answer with a surprising type
            is_valid = False
        if is_valid:
            self._guard.note(asked.hook, asked.call.plugin, by, failed=False)
            return True
        if isinstance(answer, CoroutineType):
            answer.close()  # of a wrapper around an `async def`, which is awaited nowhere
        self._failed(asked, "garbage", f"returned {type(answer)}", by)
        return False

    def _failed(self, asked: Asked, reason: str, text: str, by: str) -> None:
        self._guard.note(asked.hook, asked.call.plugin, by, failed=True)
        try:
            self._guard.fail(asked.hook, asked.call.plugin, reason, text)
        except PluginFailed as failure:
            self._pass(asked, failure)

    def _pass(self, asked: Asked, failure: PluginFailed) -> None:
        """Raise the failure, unless the plugin's policy lets the subject pass."""
        if not asked.call.policy.lets_pass(asked.name):
            raise failure
        self._guard.note_passed(asked.hook, asked.call.plugin)


class TracedPlainCalls(PlainCalls):
    """Also makes a span of each call within a recorded trace."""

    _short = 0.0  # each call may explain a bucket

    def __init__(self, guard: Guard, settings: PluginsConfig, tracer: Tracer) -> None:
        super().__init__(guard, settings)
        self._tracer = tracer

    def ask(
        self, chain: Chain, start: int, given: Given, by: str, is_answer: IsAnswer
    ) -> tuple[int, Any]:
        if self._tracer.current() is None:
            return super().ask(chain, start, given, by, is_answer)
        for place, asked in enumerate(chain[start:], start):
            if not asked.is_plain:
                return place, None
            if asked.skips(given):
                continue
            with around(self._tracer, f"hook {asked.hook}", plugin=asked.call.plugin):
                _, answer = super().ask(chain[: place + 1], place, given, by, is_answer)
            if answer is not None:
                return place, answer
        return len(chain), None
