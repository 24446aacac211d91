"""Scans of records: concurrent scans of one space share one query.

A query takes the driver some 200 µs, and each record found less than one. So when many users ask for their
lists of rooms at once, one query for several of them costs several times less, here and in mongod. While a query
is under way, further scans wait for it to end, for a moment at the most, and then share the next one: the more
there is to do, the more of them do.
"""

import asyncio
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import zip_longest
from typing import Any, NamedTuple

from chatserver import StoreUnavailable
from chatserver_plugins.mongo.driver import Document
from chatserver_plugins.mongo.reads import Reads

MOST_RANGES = 8  # in one query, as the first caller waits for the records of all
MOST_RECORDS = 4000  # found by a query for several ranges
WAIT_SECONDS = 0.002  # at most, for the query under way
BY_ID = [("_id", 1)]
RECORD: Document = {"_id": 1, "value": 1}  # fields
FIRST_SURROGATE, AFTER_SURROGATES = 0xD800, 0xE000

Row = tuple[str, bytes]


class KeyRange(NamedTuple):
    """At most `limit` records with keys after `after`, or from `first` on if that is None, and below `end`."""

    first: str
    after: str | None
    end: str | None
    limit: int

    def query(self, space: str) -> Document:
        """The filter for the range's records."""
        after, first = self.after, self.first
        ids = (
            {"$gte": record_id(space, first)} if after is None else {"$gt": record_id(space, after)}
        )
        # Objects follow texts.
        ids["$lt"] = {"s": space, "k": {}} if self.end is None else record_id(space, self.end)
        return {"_id": ids}

    def part(self, rows: Sequence[Row], keys: Sequence[str], *, cut: bool) -> list[Row] | None:
        """The range's rows among those of several ranges, by ascending key.

        With `cut` the rows are incomplete; None if rows of this range may be missing.
        """
        after, first = self.after, self.first
        start = bisect_left(keys, first) if after is None else bisect_right(keys, after)
        end = len(keys) if self.end is None else bisect_left(keys, self.end)
        if cut and end == len(keys) and end - start < self.limit:
            return None
        return list(rows[start : min(end, start + self.limit)])


class Joining(NamedTuple):
    """A scan that another caller's query answers; if `found` is None, the scan needs its own query."""

    range: KeyRange
    found: "asyncio.Future[list[Row] | None]"


class Scans:
    """Reads ranges of the collection of records."""

    def __init__(self, reads: Reads, records: Any) -> None:
        self._reads, self._records = reads, records
        self._gathering: dict[str, list[Joining]] = {}  # by space: scans that join the first
        self._under_way: dict[str, asyncio.Future[None]] = {}  # by space: the end of the last query

    async def rows(self, space: str, wanted: KeyRange) -> list[Row]:
        """The records of a range, by ascending key. Raises `StoreUnavailable`."""
        joining = self._gathering.get(space)
        if joining is None:
            found = await self._lead(space, wanted)
        else:
            found = await self._join(space, joining, wanted)
        return await self._find(space, [wanted], wanted.limit) if found is None else found

    async def _gather(self, space: str) -> None:
        """Wait while other scans may join."""
        await asyncio.sleep(0)  # those that begin in this turn of the loop
        if (query := self._under_way.get(space)) is not None:
            await asyncio.wait([query], timeout=WAIT_SECONDS)

    @contextmanager
    def _query(self, space: str) -> Iterator[None]:
        """A query under way, while the block runs."""
        end = self._under_way[space] = asyncio.get_running_loop().create_future()
        try:
            yield
        finally:
            end.set_result(None)
            if self._under_way.get(space) is end:
                del self._under_way[space]

    async def _join(self, space: str, joining: list[Joining], wanted: KeyRange) -> list[Row] | None:
        mine = Joining(wanted, asyncio.get_running_loop().create_future())
        joining.append(mine)
        if len(joining) + 1 == MOST_RANGES:
            self._close(space, joining)
        return await mine.found

    async def _lead(self, space: str, wanted: KeyRange) -> list[Row] | None:
        """Query for this scan and those that join; None if some rows may be missing."""
        joining: list[Joining] = []
        parts: list[list[Row] | None] = []
        self._gathering[space] = joining
        try:
            await self._gather(space)
            self._close(space, joining)
            with self._query(space):
                if not joining:
                    return await self._find(space, [wanted], wanted.limit)
                parts = await self._find_all(space, [wanted, *(each.range for each in joining)])
            return parts[0]
        except StoreUnavailable as error:
            for each in joining:
                if not each.found.done():
                    each.found.set_exception(error)
            raise
        finally:
            self._close(space, joining)
            # If this caller was cancelled, the others make their own queries.
            for each, part in zip_longest(joining, parts[1:]):
                if not each.found.done():
                    each.found.set_result(part)

    def _close(self, space: str, joining: list[Joining]) -> None:
        """Make the next scan of the space begin a new query."""
        if self._gathering.get(space) is joining:
            del self._gathering[space]

    async def _find_all(self, space: str, ranges: Sequence[KeyRange]) -> list[list[Row] | None]:
        """The records of each range; None for ranges beyond the limit of one query."""
        most = min(sum(each.limit for each in ranges), MOST_RECORDS)
        try:
            rows = await self._find(space, ranges, most)
        except ValueError:  # one text is not valid in BSON: only its own caller must fail
            return [None] * len(ranges)
        keys = [key for key, _ in rows]
        return [each.part(rows, keys, cut=len(rows) == most) for each in ranges]

    async def _find(self, space: str, ranges: Sequence[KeyRange], most: int) -> list[Row]:
        queries = [each.query(space) for each in ranges]
        several = len(queries) > 1
        # Choosing an index for many ranges would take longer than finding their records.
        query = {"$or": queries} if several else queries[0]
        index = BY_ID if several else None
        found = await self._reads.find(self._records, query, BY_ID, most, index, RECORD)
        return [(record["_id"]["k"], bytes(record["value"])) for record in found]


def range_of(prefix: str, after: str, limit: int) -> KeyRange:
    """The range of keys with this prefix that follow `after`."""
    return KeyRange(prefix, after if after >= prefix else None, _after_prefix(prefix), limit)


def record_id(space: str, key: str) -> Document:
    return {"s": space, "k": key}


def _after_prefix(prefix: str) -> str | None:
    """The least text above all texts with this prefix; None if there is none."""
    shorter = prefix.rstrip("\U0010ffff")
    if not shorter:
        return None
    following = ord(shorter[-1]) + 1
    return shorter[:-1] + chr(AFTER_SURROGATES if following == FIRST_SURROGATE else following)
