"""Counted votes of the polls that somebody looks at, and the pace at which they are counted again.

A tally has each vote that was given on this node at once, and those of other nodes when it is counted again.
"""

import time
from collections import Counter, OrderedDict
from collections.abc import Sequence

from chatserver import SingleFlight, WallClock
from chatserver_plugins.polls.book import Book
from chatserver_plugins.polls.poll import Choices

PACE_SECONDS = 0.5  # between two counts of one poll
SHARE = 10  # or so many times what the last count took: counting takes a tenth of the time at most
KEPT_POLLS, KEPT_VOTES = 200, 100_000  # in memory; a vote takes about 150 bytes


class Tally:
    """The votes of one poll by user (id), as they stood at `at` (Unix time in ms)."""

    def __init__(self, at: int) -> None:
        self.at, self.pace = at, PACE_SECONDS
        self._votes: dict[str, Choices] = {}
        self._counts = Counter[int]()
        self._fresh_until = 0.0

    @property
    def is_fresh(self) -> bool:
        return time.monotonic() < self._fresh_until

    @property
    def voters(self) -> int:
        """Number of users who have voted."""
        return len(self._votes)

    def counts(self, options: int) -> Sequence[int]:
        """Number of votes for each option."""
        return [self._counts[choice] for choice in range(options)]

    def add(self, votes: dict[str, Choices]) -> None:
        """Count votes of users of whom it has none."""
        self._votes |= votes
        self._counts.update(choice for choices in votes.values() for choice in choices)

    def stay_fresh(self, pace: float) -> None:
        """It need not be counted anew for so many seconds."""
        self.pace, self._fresh_until = pace, time.monotonic() + pace

    def note(self, user: str, choices: Choices) -> None:
        """Take in a vote in place of the user's earlier one."""
        self._counts.subtract(self._votes.pop(user, ()))
        if choices:
            self._votes[user] = choices
            self._counts.update(choices)


class Tallies:
    """The tallies of the polls that were asked for last; those of the oldest are forgotten first."""

    def __init__(self, book: Book, clock: WallClock) -> None:
        self._book, self._clock = book, clock
        self._kept: OrderedDict[str, Tally] = OrderedDict()
        self._counting = SingleFlight[Tally]()
        self._meanwhile: dict[str, dict[str, Choices]] = {}  # votes given during a count

    async def of(self, message: str) -> Tally:
        """The tally of a poll, counted no longer ago than its pace."""
        kept = self._kept.get(message)
        if kept is None or not kept.is_fresh:
            return await self.count(message)
        self._kept.move_to_end(message)
        return kept

    async def count(self, message: str) -> Tally:
        """The tally of a poll, counted now."""
        return await self._counting.run(message, lambda: self._count(message))

    def note(self, message: str, user: str, choices: Choices) -> None:
        """Take in a vote that is in the store."""
        if message in self._kept:
            self._kept[message].note(user, choices)
        if message in self._meanwhile:
            self._meanwhile[message][user] = choices

    def pace_of(self, message: str) -> float:
        """The seconds that pass between two counts."""
        kept = self._kept.get(message)
        return PACE_SECONDS if kept is None else kept.pace

    async def _count(self, message: str) -> Tally:
        begun, tally = time.monotonic(), Tally(int(self._clock.now() * 1000))
        meanwhile = self._meanwhile[message] = {}
        try:
            async for votes in self._book.votes(message):
                tally.add(votes)
        finally:
            del self._meanwhile[message]
        tally.stay_fresh(max(PACE_SECONDS, SHARE * (time.monotonic() - begun)))
        for user, choices in meanwhile.items():  # the count may have passed them before
            tally.note(user, choices)
        self._keep(message, tally)
        return tally

    def _keep(self, message: str, tally: Tally) -> None:
        self._kept[message] = tally
        self._kept.move_to_end(message)
        votes = sum(each.voters for each in self._kept.values())
        while len(self._kept) > KEPT_POLLS or votes > KEPT_VOTES:
            votes -= self._kept.popitem(last=False)[1].voters
