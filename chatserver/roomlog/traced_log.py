"""Spans of the log: one for each batch, linked with the traces of the sends in it."""

import time
from typing import Any

from chatserver.errors import ChatError
from chatserver.interfaces import Appended, Trace, Tracer
from chatserver.roomlog.entries import Entry, Outcome
from chatserver.roomlog.log import Log
from chatserver.tracing.spans import around


class TracedLog(Log):
    """A log that knows the trace of each entry that waits.

    The task that writes lives longer than the trace of the send that began it, so a batch begins its own.
    """

    def __init__(self, tracer: Tracer, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._tracer = tracer
        self._traces: dict[Entry, Trace] = {}

    def submit(self, entry: Entry) -> None:
        found = self._tracer.current()
        if found is not None:
            self._traces[entry] = found
        try:
            super().submit(entry)
        except ChatError:
            self._traces.pop(entry, None)
            raise

    def _joins_in_flight(self, entry: Entry) -> bool:
        joins = super()._joins_in_flight(entry)
        if joins:
            self._traces.pop(entry, None)
        return joins

    async def _write(self, batch: list[Entry]) -> Appended:
        links = [self._traces[entry] for entry in batch if entry in self._traces]
        with around(self._tracer, "log write", links=links, is_root=True, events=len(batch)):
            return await super()._write(batch)

    def _settle(self, entry: Entry, outcome: Outcome | ChatError) -> None:
        trace = self._traces.pop(entry, None)
        super()._settle(entry, outcome)
        if trace is not None:
            self._seconds.explain(time.perf_counter() - entry.since, trace.trace)
