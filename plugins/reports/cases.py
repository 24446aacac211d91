"""What the plugin keeps: reported messages with their reports, and what each user has reported."""

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from chatserver import RoomKind, UserRef

TEXT_CHARS = 500
REPORTS_PER_MESSAGE = 100  # kept: further people are thanked, and one more reason changes nothing

Id = Annotated[str, Meta(min_length=1, max_length=64)]
MessageId = Annotated[str, Meta(min_length=1, max_length=128)]
Text = Annotated[str, Meta(max_length=TEXT_CHARS)]
BanSeconds = Annotated[int, Meta(ge=1, le=315_360_000)]  # ten years; for longer there is "for good"


class Reason(StrEnum):
    """Why a message is reported."""

    SPAM = "spam"
    HARASSMENT = "harassment"
    ILLEGAL = "illegal"
    OTHER = "other"


class Step(StrEnum):
    """What is done with a reported message and its author, in this order."""

    DELETE = "delete"
    BAN = "ban"  # the author, from the room
    LOCK = "lock"  # the author's account


class State(StrEnum):
    """Whether somebody has looked at a report."""

    OPEN = "open"
    SETTLED = "settled"


class NewReport(msgspec.Struct, frozen=True, kw_only=True):
    """A report to make, or the new words of the user's open report of the message."""

    room: Id
    message: MessageId
    reason: Reason
    text: Text = ""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """How to settle a report. No steps dismiss it.

    `note` is for those who moderate; `ban_reason` is told to the author. `ban_seconds` null is for good.
    """

    steps: Annotated[tuple[Step, ...], Meta(max_length=3)] = ()
    note: Text = ""
    ban_reason: Text = ""
    ban_seconds: BanSeconds | None = None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What one user said of the message, at a time in RFC 3339."""

    by: UserRef
    reason: Reason
    text: str
    at: str


class Settlement(msgspec.Struct, frozen=True, kw_only=True):
    """Who settled the case, when, and how."""

    by: UserRef
    at: str
    steps: tuple[Step, ...]
    note: str


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """A reported message as it stood when it was first reported, with the reports of all users.

    `room_name` is null for a direct room. `attached` is the text of what the message carried, such as names of files.
    """

    id: str
    room: str
    room_name: str | None
    kind: RoomKind
    message: str
    seq: int
    author: UserRef
    body: str
    attached: str
    posted_at: str
    edited_at: str | None
    at: str  # of the first report
    reports: tuple[Report, ...]
    settled: Settlement | None = None

    def report_of(self, user: str) -> Report | None:
        return next((each for each in self.reports if each.by.id == user), None)

    def with_report(self, report: Report) -> "Case":
        """The case with a new report, or other words for the one that the user has made."""
        if self.report_of(report.by.id) is None:
            return msgspec.structs.replace(self, reports=(*self.reports, report))
        return msgspec.structs.replace(
            self,
            reports=tuple(
                msgspec.structs.replace(report, at=each.at) if each.by.id == report.by.id else each
                for each in self.reports
            ),
        )

    def without(self, user: str) -> "Case":
        """Without the reports of a deleted account, and without its name."""
        left = tuple(each for each in self.reports if each.by.id != user)
        settled = self.settled
        if settled is not None and settled.by.id == user:
            settled = msgspec.structs.replace(settled, by=_nameless(settled.by))
        author = _nameless(self.author) if self.author.id == user else self.author
        return msgspec.structs.replace(self, reports=left, author=author, settled=settled)


def _nameless(user: UserRef) -> UserRef:
    return msgspec.structs.replace(user, name="")


class OwnReport(msgspec.Struct, frozen=True, kw_only=True):
    """A report as its user sees it. `state` says whether somebody has looked at it, and nothing else."""

    room: str
    message: str
    reason: Reason
    at: str
    state: State = State.OPEN
    told: bool = False
