"""The result of a drill, and the figures derived from it."""

from typing import NamedTuple


class Fall(NamedTuple):
    """One loss of the server and its data, and the restore. All times in seconds."""

    messages: int  # in the store, to the nearest thousand
    moment: str
    acknowledged: int  # messages acknowledged before the loss
    lost: int
    rpo: float  # from the acknowledgement of the first lost message to the loss
    restoring: float
    rto: float  # from the loss to the first acknowledged message of a user who signed in again


class Copied(NamedTuple):
    """One backup."""

    messages: int
    seconds: float


class DrillResult(NamedTuple):
    """The results of a drill, in their order."""

    store: str
    ship_seconds: float
    copies: list[Copied]
    falls: list[Fall]
    target: str = ""  # from which was restored; "": from the local folder
    erases: bool = False  # accounts were erased after the backups, and no restore brought them back

    @property
    def rpo(self) -> float:
        """The worst recovery point, in seconds."""
        return max(fall.rpo for fall in self.falls)

    @property
    def rto(self) -> float:
        """The worst recovery time, in seconds."""
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
