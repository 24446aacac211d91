"""Spans of plugins' hooks."""

from collections.abc import Sequence
from typing import Any

from chatserver.config import PluginsConfig
from chatserver.hooks.deadline import Deadline
from chatserver.hooks.guard import Call, Guard
from chatserver.interfaces import Tracer
from chatserver.runtime.measure import Measures
from chatserver.tracing.spans import around


class TracedGuard(Guard):
    """A guard that makes a span of each call of a plugin within a recorded trace."""

    def __init__(self, settings: PluginsConfig, measures: Measures, tracer: Tracer) -> None:
        super().__init__(settings, measures)
        self._tracer = tracer

    async def call(
        self,
        hook: str,
        call: Call,
        arguments: Sequence[Any],
        deadline: float | Deadline | None = None,
        **more: Any,
    ) -> Any:
        # The task of an observer began in the trace of whatever came first, and lives on.
        if hook.startswith("on_") or self._tracer.current() is None:
            return await super().call(hook, call, arguments, deadline, **more)
        with around(self._tracer, f"hook {hook}", plugin=call.plugin):
            return await super().call(hook, call, arguments, deadline, **more)
