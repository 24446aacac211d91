"""What users type behind the commands, and times as they read them."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from chatserver import Rest

SECONDS = {"minute": 60, "hour": 3600, "day": 86400, "week": 7 * 86400}
Unit = Literal["minutes", "hours", "days", "weeks", "minute", "hour", "day", "week"]
Amount = Annotated[int, Meta(ge=1, le=10_000)]


class Remind(msgspec.Struct, frozen=True):
    """`me in 2 hours to water the plants`"""

    whom: Literal["me", "here"]
    in_: Literal["in"]
    amount: Amount
    unit: Unit
    to: Literal["to"]
    text: Annotated[Rest, Meta(min_length=1, max_length=500)]

    @property
    def seconds(self) -> int:
        return seconds(self.amount, self.unit)


class Forget(msgspec.Struct, frozen=True):
    """`3fa91c`"""

    id: Annotated[str, Meta(max_length=64)]


class Snooze(msgspec.Struct, frozen=True):
    """`10 minutes`"""

    amount: Amount
    unit: Unit

    @property
    def seconds(self) -> int:
        return seconds(self.amount, self.unit)


def seconds(amount: int, unit: Unit) -> int:
    """The length of a time in seconds."""
    return amount * SECONDS[unit.removesuffix("s")]


def shown(span: float) -> str:
    """A time in seconds in the largest units that it has two of: "2 hours", "90 minutes"."""
    for unit in ("week", "day", "hour"):
        if span >= 2 * SECONDS[unit]:
            return f"{round(span / SECONDS[unit])} {unit}s"
    minutes = max(1, round(span / SECONDS["minute"]))
    return f"{minutes} minute{'s' if minutes > 1 else ''}"
