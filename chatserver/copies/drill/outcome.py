"""The result of a drill, and the figures derived from it."""

from typing import NamedTuple


class Fall(NamedTuple):
    """One end of the server and its data, and the way back. All times in seconds."""

    messages: int  # in the store, to the nearest thousand
    moment: str
    acknowledged: int  # messages sent before the end
    lost: int
    rpo: float  # how long before the end the first lost message was acknowledged
    restoring: float
    rto: float  # from the end, until a user who signs in again has a message acknowledged


class Copied(NamedTuple):
    """One backup."""

    messages: int
    seconds: float


class Outcome(NamedTuple):
    """All of a drill, in the order in which it happened."""

    store: str
    ship_seconds: float
    copies: list[Copied]
    falls: list[Fall]

    @property
    def rpo(self) -> float:
        """The worst."""
        return max(fall.rpo for fall in self.falls)

    @property
    def rto(self) -> float:
        """The worst."""
        return max(fall.rto for fall in self.falls)

    def sizes(self) -> list[tuple[int, float]]:
        """The worst RTO for each number of messages, ascending."""
        worst: dict[int, float] = {}
        for fall in self.falls:
            worst[fall.messages] = max(fall.rto, worst.get(fall.messages, 0.0))
        return sorted(worst.items())

    def slope(self) -> float:
        """Additional seconds per additional message, from the smallest to the largest size; at least 0."""
        (few, short), *_, (many, long) = self.sizes()
        return max((long - short) / (many - few), 0.0)

    def rto_at(self, messages: int) -> float:
        """The RTO at a number of messages, extrapolated from the largest size along the slope."""
        most, seconds = self.sizes()[-1]
        return seconds + (messages - most) * self.slope()
