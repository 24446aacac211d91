"""Repeated messages: logged once, then counted and summarised once a minute."""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from loguru import logger

MINUTE: Final = 60.0
KINDS: Final = 200  # remembered; the oldest are forgotten first


def kind_of(text: str, error: BaseException | None) -> str:
    """The kind of an error, equal for errors with the same text raised at the same place."""
    found = None if error is None else error.__traceback__
    while found is not None and found.tb_next is not None:
        found = found.tb_next
    place = "" if found is None else f"{found.tb_frame.f_code.co_qualname}:{found.tb_lineno}"
    return f"{text[:60]} {type(error).__name__} {place}"


class Repeated:
    """Logs each kind of message at most once in `seconds`, with the number of omitted ones."""

    def __init__(
        self, seconds: float = MINUTE, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._seconds, self._clock = seconds, clock
        self._logged: OrderedDict[str, list[float]] = OrderedDict()  # time, number omitted since

    def is_due(self, kind: str) -> int | None:
        """Number of messages omitted since the last one; None if this one has to be omitted too."""
        now = self._clock()
        last = self._logged.get(kind)
        if last is None:
            self._logged[kind] = [now, 0]
            if len(self._logged) > KINDS:
                self._logged.popitem(last=False)
            return 0
        if now - last[0] < self._seconds:
            last[1] += 1
            return None
        left_out, last[0], last[1] = int(last[1]), now, 0
        return left_out

    def more(self, kind: str) -> str | None:
        """Text to append to a message of this kind; None if the message has to be omitted."""
        left_out = self.is_due(kind)
        if left_out is None:
            return None
        return f" ({left_out} more times since the last message)" if left_out else ""

    def error(self, kind: str, text: str, error: BaseException | None = None) -> None:
        """Log at error level, unless a message of this kind was logged recently."""
        self._log("ERROR", kind, text, error)

    def warning(self, kind: str, text: str) -> None:
        """Log at warning level, unless a message of this kind was logged recently."""
        self._log("WARNING", kind, text, None)

    def _log(self, level: str, kind: str, text: str, error: BaseException | None) -> None:
        more = self.more(kind)
        if more is not None:
            logger.opt(exception=error).log(level, "{}{}", text, more)
