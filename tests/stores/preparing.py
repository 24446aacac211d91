"""A database whose log is made ready for shards, looked at through the store and directly."""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pymongo
import pytest

from chatserver import (
    AnyEvent,
    Appended,
    Conflict,
    EventRemoved,
    MessageDeleted,
    MessageEdited,
    StartupError,
)
from chatserver.testing.logcontract import one_of_each
from chatserver.testing.samples import TRICKY_TEXTS, described, event, joined, posted
from chatserver_plugins.mongo import MongoPlugin, MongoStore, sharding
from tests.servers import PATIENT_MS, Mongod

Document = dict[str, Any]


class Stop(Exception):
    """Ends the work at a step, as a crash would."""


class Address(NamedTuple):
    """Of a server, with a user."""

    uri: str


class Place(NamedTuple):
    """A database of a server, in which a test also looks directly."""

    server: Mongod | Address
    name: str
    database: Any

    def store(self, *, sharded: bool = False, **settings: Any) -> MongoStore:
        given = {"uri": self.server.uri, "database": self.name, "timeout_ms": PATIENT_MS}
        config = MongoPlugin.Config(**given | settings, sharded=sharded)
        return MongoPlugin(config, Path("/unused")).provide_store()

    @asynccontextmanager
    async def opened(self, *, sharded: bool = False) -> AsyncIterator[MongoStore]:
        store = self.store(sharded=sharded)
        await store.open()
        try:
            yield store
        finally:
            await store.close()

    async def prepare(self) -> bool:
        return await self.store(sharded=True).prepare_shards()

    async def filled(self) -> dict[str, list[AnyEvent]]:
        """Fill the log, in the old form; returns it by room."""
        async with self.opened() as store:
            for room in ("r", "q"):
                log = [described(room, 1), joined(room, 2, "u2")]
                texts = [posted(room, seq, client_id=f"{room}-{seq}") for seq in range(3, 9)]
                gone = event(MessageDeleted, room, 9, message=f"{room}-4")
                await store.append([*log, *texts, gone])
                edited = event(MessageEdited, room, 10, message=f"{room}-5", body="new")
                await store.append([edited], erasing=[0])
                await store.remove(room, [6])
            await store.append([posted(text, 1, text, client_id=text) for text in TRICKY_TEXTS])
            await store.append(one_of_each("all"))
            return await self.log(store)

    async def log(self, store: MongoStore) -> dict[str, list[AnyEvent]]:
        rooms = await store.list_rooms("", 100)
        assert len(rooms) > 3
        return {room: await store.read(room, 0, 100) for room in rooms}

    def ids(self) -> list[list[str]]:
        """The names within the `_id` of each message, in their order."""
        found = self.database.events.find({"ev": "message.posted"}, {"_id": 1})
        return [[*each["_id"]] for each in found]

    def number(self) -> int:
        found: int = self.database.schema.find_one({"_id": "version"})["number"]
        return found


@contextmanager
def place_of(server: Mongod) -> Iterator[Place]:
    name = f"test_{secrets.token_hex(8)}"
    with pymongo.MongoClient[Document](server.uri) as client:
        yield Place(server, name, client[name])


def stop_before(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """End the work before one of its steps, or, with the number of the last and one more, before it is noted as done."""

    async def stop(*given: object) -> None:
        raise Stop

    steps = [*sharding.STEPS]
    monkeypatch.setattr(sharding, "STEPS", (*steps[:number], stop, *steps[number:]))


async def refused(call: Callable[[], Awaitable[object]], why: str) -> None:
    with pytest.raises(StartupError) as caught:
        await call()
    assert why in str(caught.value)


async def no_start(place: Place, sharded: bool, why: str) -> None:
    """No server with this setting starts, nor does anything else open the store."""
    sentence = f"plugin.mongo.sharded: {why}"
    for way in ("open", "plan", "open_to_read"):
        await refused(getattr(place.store(sharded=sharded), way), sentence)
    assert sentence in (await place.store(sharded=sharded).facts()).warnings


async def demand_ready(place: Place, log: dict[str, list[AnyEvent]]) -> None:
    """The log has all its events, the new form alone, and its promises."""
    async with place.opened(sharded=True) as store:
        assert await place.log(store) == log
        assert {*map(tuple, place.ids())} == {("room", "author", "client_id")}
        sends = [("r", "u1", "r-3"), ("q", "u1", "q-3"), ("q", "u1", "r-3"), ("r", "u1", "r-6")]
        assert await store.repeats_in(sends) == {sends[0]: log["r"][2], sends[1]: log["q"][2]}
        again = [posted("q", 11, client_id="r-3"), posted("q", 12, client_id="q-3")]
        assert await store.append(again) == Appended(1, Conflict.CLIENT_ID)
        taken = posted("r", 3, client_id="new")
        assert await store.append([taken]) == Appended(0, Conflict.POSITION)
        assert log["r"][5] == EventRemoved.of("r", 6), "as it was removed before"
        await store.clear("r", [7])
        (cleared,) = await store.read("r", 6, 1)
        assert cleared != log["r"][6]
    names = place.database.list_collection_names()
    assert sharding.COPY not in names and not [each for each in names if "tmp" in each]
    assert not place.database.schema.find_one({"_id": "version", "unfinished": True})
