"""Migrations of the database, step by step.

The collection `schema` holds the version, and the lock under which it changes, as MongoDB has no locks. The
holder renews the lock every few seconds, by the database's clock; if it dies, another server continues. So
every step can be repeated after it was done in part.

A log that is ready for shards (`sharding.py`) has SHARDED added to its version: a server that does not know this form
takes it for that of a newer server, and does not start.
"""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from itertools import count
from typing import Any, NamedTuple

import pymongo
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from chatserver import PendingStep, StartupError, StoreUnavailable
from chatserver_plugins.mongo import documents, log
from chatserver_plugins.mongo.driver import Database, Document

NAME = "schema"
LEASE_MS = 10_000  # a lock that was not renewed for this long is free
RENEW_SECONDS = 2.0
SHARDED = 1000  # in the version of a log that is ready for shards
RETRY_SECONDS = 0.2

logger = logging.getLogger("chatserver.mongo")


class Step(NamedTuple):
    """A migration to the next version. `apply` may find it done in part.

    `rate` is the number of events that it handles in a second, 0 if it does not read them.
    """

    title: str
    apply: Callable[[Database], Awaitable[None]]
    rate: int = 0


async def index_events(database: Database, collection: str = log.NAME) -> None:
    """Make missing indexes over events."""
    await database.create_indexes(collection, documents.INDEXES)


async def _index_pages(database: Database) -> None:
    index = pymongo.IndexModel([("room", 1), ("slot", 1), ("first", 1)], unique=True)
    await database.create_indexes("index_pages", [index])


async def _drop_index_pages(database: Database) -> None:
    """Drop pages, which the indexer makes again in other collections."""
    for name in ("index_pages", "indexed"):
        await database.run(database.collection(name).drop())


async def _drop_search_pages(database: Database) -> None:
    """Drop pages; the new index has fewer and longer ones."""
    for name in ("search_pages", "search_rooms"):
        await database.run(database.collection(name).drop())


async def _note_replaced(database: Database) -> None:
    """Add `replaces` as `documents.document` does; changes with invalid message ids stay without it."""
    await index_events(database)
    number = {"$arrayElemAt": [{"$split": ["$message", "-"]}, -1]}
    seq = {"$convert": {"input": number, "to": "long", "onError": None}}
    await database.update_all(
        log.NAME, {"ev": documents.REPLACING, "replaces": None}, [{"$set": {"replaces": seq}}]
    )


# Events in a second, measured with 400,000 events on two shared cores with an SSD, the data in memory; a store that is
# larger than the memory takes longer.
INDEXED, NOTED_REPLACED = 80_000, 130_000

# Version n is the result of the first n steps. A released step is never changed.
MIGRATIONS: tuple[Step, ...] = (
    Step("make the indexes over events", index_events, INDEXED),
    Step("make the indexes over pages of a search index", _index_pages),
    Step("drop the search index, to make one that is found by key", _drop_index_pages),
    Step("drop the search index, to make one of fewer pages", _drop_search_pages),
    Step("index changes of messages by their kind", index_events, INDEXED),
    Step(
        "index edits and deletions by the message that they change", _note_replaced, NOTED_REPLACED
    ),
)


class Version(NamedTuple):
    """Number of migrations applied, whether the log is ready for shards, and whether it is being written anew for that."""

    done: int
    sharded: bool = False
    unfinished: bool = False


async def version(database: Database) -> Version:
    """The version of the database. Raises `StartupError` if a newer server has applied more migrations."""
    collection = database.collection(NAME)
    found = await database.run(collection.find_one({"_id": "version"})) or {"number": 0}
    sharded = found["number"] >= SHARDED
    done = found["number"] - SHARDED * sharded
    if done > len(MIGRATIONS):
        raise StartupError(
            f"plugin.mongo: the database has version {done}, and this server knows versions up to "
            f"{len(MIGRATIONS)}: start the newer server that has used it"
        )
    return Version(done, sharded, "unfinished" in found)


def plan(done: int) -> list[str]:
    """Titles of the steps that a database of this version lacks."""
    return [step.title for step in pending(done, 0)]


def pending(done: int, events: int) -> list[PendingStep]:
    """The steps that a database of this version lacks, with the time they take for this number of events."""
    steps = list(enumerate(MIGRATIONS, 1))[done:]
    return [
        PendingStep(
            f"mongo: version {number}: {step.title}",
            events if step.rate else 0,
            events / step.rate if step.rate else 0.0,
        )
        for number, step in steps
    ]


async def migrate(database: Database) -> None:
    """Apply missing steps, one server at a time. Raises `StartupError` like `version`."""
    if (await version(database)).done < len(MIGRATIONS):
        async with locked(database):
            while (found := await version(database)).done < len(MIGRATIONS):
                logger.info("migrating: %s", plan(found.done)[0])
                await MIGRATIONS[found.done].apply(database)
                await set_version(database, found._replace(done=found.done + 1))
    # A copy by other tools may lack the indexes that keep positions unique; existing ones do not change.
    await index_events(database)


async def set_version(database: Database, new: Version) -> None:
    """Write the version, with the lock held."""
    document: Document = {"number": new.done + SHARDED * new.sharded}
    if new.unfinished:
        document["unfinished"] = True
    collection = database.collection(NAME)
    await database.run(collection.replace_one({"_id": "version"}, document, upsert=True))


@asynccontextmanager
async def locked(database: Database) -> AsyncIterator[None]:
    """Hold the lock; waits while another running server has it."""
    holder = secrets.token_hex(8)
    for attempt in count():
        if await _take(database, holder):
            break
        if attempt == 0:
            logger.info("waiting for another server, which changes the schema")
        await asyncio.sleep(RETRY_SECONDS)
    renewal = asyncio.create_task(_renew(database, holder))
    try:
        yield
    finally:
        renewal.cancel()
        await asyncio.wait([renewal])
        with suppress(StoreUnavailable):  # the lease expires
            collection = database.collection(NAME)
            await database.run(collection.delete_one({"_id": "lock", "holder": holder}))


async def _take(database: Database, holder: str) -> bool:
    """Take or renew the lock; False if another server has it."""
    free = {
        "$or": [{"$lt": ["$until", "$$NOW"]}, {"$eq": ["$holder", holder]}]
    }  # None sorts below all numbers
    until = {"$add": ["$$NOW", LEASE_MS]}
    change: list[Document] = [
        {
            "$set": {
                "holder": {"$cond": [free, holder, "$holder"]},
                "until": {"$cond": [free, until, "$until"]},
            }
        }
    ]
    collection = database.collection(NAME)
    try:
        found: Any = await database.run(
            collection.find_one_and_update(
                {"_id": "lock"}, change, upsert=True, return_document=ReturnDocument.AFTER
            )
        )
    except DuplicateKeyError:  # another server has just made it
        return False
    return bool(found["holder"] == holder)


async def _renew(database: Database, holder: str) -> None:
    while True:
        await asyncio.sleep(RENEW_SECONDS)
        with suppress(StoreUnavailable):  # there is time for another try before the lease expires
            await _take(database, holder)
