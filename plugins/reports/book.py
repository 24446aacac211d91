"""The cases of all rooms in the store, and what each user has reported; the same on all nodes.

An open case is one record, of its message. Settling it replaces the record by one that says so, which one of several
moderators manages to do; then it is moved among the settled ones. Whoever meets a case that a crash has left between
these two steps moves it.
"""

from collections.abc import Callable, Container, Sequence
from datetime import datetime

import msgspec

from chatserver import ChatError, Context, Meaning
from chatserver_plugins.reports.cases import Case, OwnReport, Settlement, State

DAY = 86400.0
OPEN, SETTLED = "open/", "settled/"
OWN_DAYS = 30.0  # for which a user can see what they reported
TRIES = 10  # each lost try means that somebody else reported the same message at this moment
SETTLED_MEANWHILE = Meaning(409, "refresh", "This report is settled, or there is no such report.")

_encode = msgspec.json.encode
_case = msgspec.json.Decoder(Case).decode
_own = msgspec.json.Decoder(OwnReport).decode


class Book:
    """At most `most_open` open cases and `most_settled` settled ones, which are kept for `keep_days`."""

    def __init__(
        self, context: Context, *, per_day: int, most_open: int, most_settled: int, keep_days: float
    ) -> None:
        self._records, self._expiring, self._clock = (
            context.records,
            context.expiring,
            context.clock,
        )
        self._per_day, self._most_open = per_day, most_open
        self._most_settled, self._keep_seconds = most_settled, keep_days * DAY

    # -- open cases ------------------------------------------------------------------------------

    async def open_cases(self, room: str | None = None) -> list[Case]:
        """Oldest first; of one room, or of all."""
        prefix = OPEN if room is None else f"{OPEN}{room}/"
        rows = await self._records.scan(prefix, limit=self._most_open)
        cases = (_case(row) for _, row in rows)
        return sorted((each for each in cases if each.settled is None), key=_place)

    async def report(
        self, room: str, message: str, user: str, change: Callable[[Case | None], Case]
    ) -> bool:
        """Add a user's report to the case of a message, or change it there; False if it was changed.

        `change` gets the open case, or None for the first report. Raises `ChatError` limit.count.
        """
        key = f"{OPEN}{room}/{message}"
        for _ in range(TRIES):
            old = await self._records.get(key)
            before = None if old is None else _case(old)
            if old is not None and before is not None and before.settled is not None:
                await self._move(key, old, before)
                continue
            is_new = before is None or before.report_of(user) is None
            after = change(before)
            if after == before:
                return is_new
            if old is None:
                await self._demand_space()
            await self._note_own(user, after, is_new=is_new)
            if old is None:
                if await self._records.add(key, _encode(after)):
                    return True
            elif await self._records.swap(key, old, _encode(after)):
                return is_new
        raise ChatError("limit.rate", after_ms=1000)

    async def find(self, case: str) -> Case:
        """The open case of an id. Raises `ChatError` reports.settled."""
        return (await self._found(case))[2]

    async def settle(self, case: str, settlement: Settlement) -> Case:
        """Settle a case and tell its reporters, once over all nodes. Raises `ChatError` reports.settled."""
        for _ in range(TRIES):
            key, old, found = await self._found(case)
            settled = msgspec.structs.replace(found, settled=settlement)
            new = _encode(settled)
            if await self._records.swap(key, old, new):
                await self._move(key, new, settled)
                return settled
        raise ChatError("limit.rate", after_ms=1000)

    async def _found(self, case: str) -> tuple[str, bytes, Case]:
        message = case.rpartition("-")[0]
        key = f"{OPEN}{message.rpartition('-')[0]}/{message}"
        old = await self._records.get(key)
        found = None if old is None else _case(old)
        if old is None or found is None or found.id != case or found.settled is not None:
            raise settled_meanwhile()
        return key, old, found

    async def _move(self, key: str, row: bytes, case: Case) -> None:
        """Put a settled case among the settled ones; repeating it changes nothing."""
        assert case.settled is not None
        await self._records.put(f"{SETTLED}{case.settled.at}/{case.id}", row)
        for report in case.reports:
            await self._mark_settled(report.by.id, case.message)
        await self._records.delete(key, row)

    async def _demand_space(self) -> None:
        if len(await self._records.scan(OPEN, limit=self._most_open)) >= self._most_open:
            raise ChatError(
                "limit.count",
                "Too many reports wait for those who moderate.",
                detail={"field": "reports", "reason": "open"},
            )

    # -- settled cases ---------------------------------------------------------------------------

    async def settled_cases(self, room: str | None = None) -> list[Case]:
        """Newest first; of one room, or of all. Those whose time is over are not there any more."""
        oldest = self._clock.now() - self._keep_seconds
        rows = await self._records.scan(SETTLED, limit=2 * self._most_settled)
        cases = [_case(row) for _, row in rows]
        return [
            each
            for each in reversed(cases)
            if room in (None, each.room) and _settled_at(each) >= oldest
        ]

    async def tidy(self) -> None:
        """Finish what a crash has left; remove settled cases whose time is over, and the oldest beyond the bound."""
        for key, row in await self._records.scan(OPEN, limit=self._most_open):
            case = _case(row)
            if case.settled is not None:
                await self._move(key, row, case)
        oldest = self._clock.now() - self._keep_seconds
        rows = await self._records.scan(SETTLED, limit=2 * self._most_settled)
        too_many = len(rows) - self._most_settled
        for place, (key, row) in enumerate(rows):
            if place < too_many or _settled_at(_case(row)) < oldest:
                await self._records.delete(key)

    # -- deleted rooms ---------------------------------------------------------------------------

    async def settled_rooms(self) -> set[str]:
        """The rooms of all settled cases."""
        return {case.room for _, case in await self._settled()}

    async def forget_settled(self, rooms: Container[str]) -> None:
        """Remove the settled cases of these rooms."""
        for key, case in await self._settled():
            if case.room in rooms:
                await self._records.delete(key)

    async def _settled(self) -> list[tuple[str, Case]]:
        """All settled cases, with their keys."""
        rows = await self._records.scan(SETTLED, limit=2 * self._most_settled)
        return [(key, _case(row)) for key, row in rows]

    # -- what users have reported ----------------------------------------------------------------

    async def own(self, user: str) -> list[OwnReport]:
        """The user's reports of the last 30 days, newest first."""
        rows = [_own(row) for _, row in await self._expiring.scan(f"{user}/")]
        return sorted(rows, key=lambda each: each.at, reverse=True)

    async def seen(self, user: str) -> list[OwnReport]:
        """The user's reports that were settled since the last call."""
        told = []
        for key, row in await self._expiring.scan(f"{user}/"):
            own = _own(row)
            if own.state is State.OPEN or own.told:
                continue
            new = _encode(msgspec.structs.replace(own, told=True))
            if await self._expiring.swap(key, row, new, OWN_DAYS * DAY):
                told.append(own)
        return told

    async def forget(self, user: str) -> None:
        """Remove the user's reports and their name; the cases stay, also those of their messages."""
        for prefix in (OPEN, SETTLED):
            limit = max(self._most_open, 2 * self._most_settled)
            for key, row in await self._records.scan(prefix, limit=limit):
                case = _case(row)
                for _ in range(TRIES):
                    left = case.without(user)
                    if left == case or await self._records.swap(key, row, _encode(left)):
                        break
                    if (now := await self._records.get(key)) is None:
                        break
                    row, case = now, _case(now)
        for key, _ in await self._expiring.scan(f"{user}/"):
            await self._expiring.delete(key)

    async def _note_own(self, user: str, case: Case, *, is_new: bool) -> None:
        """Note a report for its user. Raises limit.count for a new one if they have made too many within a day."""
        report = case.report_of(user)
        assert report is not None
        key = f"{user}/{case.message}"
        before = await self._expiring.get(key)
        own = OwnReport(room=case.room, message=case.message, reason=report.reason, at=report.at)
        await self._expiring.put(key, _encode(own), OWN_DAYS * DAY)
        if not is_new:
            return
        # Counted afterwards, so that requests at the same time cannot exceed the limit together.
        since = self._clock.now() - DAY
        made = [_own(row) for _, row in await self._expiring.scan(f"{user}/")]
        if sum(_unix(each.at) > since for each in made) <= self._per_day:
            return
        if before is None:
            await self._expiring.delete(key)
        else:
            await self._expiring.put(key, before, OWN_DAYS * DAY)
        raise ChatError(
            "limit.count",
            f"You have made {self._per_day} reports within a day; there can be no more.",
            detail={"field": "reports", "reason": "count", "most": self._per_day},
        )

    async def _mark_settled(self, user: str, message: str) -> None:
        key = f"{user}/{message}"
        row = await self._expiring.get(key)
        if row is not None and _own(row).state is State.OPEN:
            settled = msgspec.structs.replace(_own(row), state=State.SETTLED)
            await self._expiring.swap(key, row, _encode(settled), OWN_DAYS * DAY)


def settled_meanwhile() -> ChatError:
    return ChatError(
        "reports.settled",
        detail={"field": "report", "reason": "settled"},
        meaning=SETTLED_MEANWHILE,
    )


def page_of(cases: Sequence[Case], after: str, limit: int) -> tuple[Sequence[Case], str | None]:
    """The cases behind the place `after`, which is that of the page before, and the place of the next page, if any."""
    is_descending = bool(cases) and cases[0].settled is not None
    left = [
        each
        for each in cases
        if not after or (_place(each) < after if is_descending else _place(each) > after)
    ]
    return left[:limit], _place(left[limit - 1]) if len(left) > limit else None


def _place(case: Case) -> str:
    """Orders cases: the open ones by their first report, the others by their end."""
    return f"{case.at if case.settled is None else case.settled.at}/{case.id}"


def _settled_at(case: Case) -> float:
    assert case.settled is not None
    return _unix(case.settled.at)


def _unix(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
