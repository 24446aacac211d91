"""The ids of the active trace, for exemplars and for the log."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from loguru import logger

from chatserver.interfaces import Tracer

if TYPE_CHECKING:
    from loguru import Record


def trace_id(tracer: Tracer) -> Callable[[], str]:
    """A function that returns the id of the active trace, "" if there is none that is recorded."""

    def current() -> str:
        found = tracer.current()
        return "" if found is None else found.trace

    return current


def name_traces(tracer: Tracer) -> None:
    """Give each entry of the log that is written within a recorded trace its ids, `trace` and `span`."""

    def add(record: "Record") -> None:
        found = tracer.current()
        if found is not None:
            record["extra"].update(trace=found.trace, span=found.span)

    logger.configure(patcher=add)
