"""Fault 31: a newer version works on the same store, and writes what the running nodes do not know.

No room is lost to them: what cannot be read has its place in the log, and everything else is as ever.
"""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from chatserver.testing.samples import AT, user
from chatserver_plugins.mongo import MongoStore
from chatserver_plugins.mongo.config import Config
from tests.faults import trial
from tests.faults.figures import record, record_trial
from tests.faults.fleet import Fleet
from tests.faults.nodes import nodes, patient
from tests.faults.scale import SCALE
from tests.faults.server import ChatServer
from tests.servers import Mongod

FAULT = "31 a newer version on the same store"
TIMES = 3  # that each kind comes in each room

pytestmark = pytest.mark.parametrize("seed", SCALE.seeds)


class Newer(msgspec.Struct, frozen=True, kw_only=True, tag_field="ev"):
    """The fields common to all events."""

    room: str
    seq: int
    at: str = AT
    author: Any = user("newer")


class PollOpened(Newer, frozen=True, kw_only=True, tag="poll.opened"):
    question: str = "Which?"


class Voted(Newer, frozen=True, kw_only=True, tag="poll.voted"):
    """An unknown event that looks like a change of a message."""

    message: str = "a message"
    choice: int = 2


class Moderator(Newer, frozen=True, kw_only=True, tag="member.joined"):
    """A known kind with a role that is not known."""

    user: Any = user("newer")
    role: str = "moderator"


KINDS = (PollOpened, Voted, Moderator)


async def write(store: MongoStore, room: str, kind: type[Newer]) -> None:
    """As a node does: at the next position, or the one after that if somebody was quicker."""
    stored = 0
    while not stored:
        head = (await store.heads([room]))[room]
        made: Any = kind(room=room, seq=head + 1)
        stored, _ = await store.append([made])


async def write_all(settings: Mapping[str, object], rooms: list[str], folder: Path) -> None:
    uri, database = settings["plugin__mongo__uri"], settings["plugin__mongo__database"]
    store = MongoStore(Config(uri=str(uri), database=str(database)), folder)
    await store.open()
    try:
        for _ in range(TIMES):
            for kind in KINDS:
                await asyncio.gather(*(write(store, room, kind) for room in rooms))
    finally:
        await store.close()


def look(server: ChatServer, rooms: list[str], newcomer: str) -> None:
    """Make the requests of a newcomer to these rooms."""
    token = server.register(newcomer)
    for room in rooms:
        server.post(f"/api/v1/rooms/{room}/join", token)
        for path in ("", "/messages", "/members"):
            assert server.get(f"/api/v1/rooms/{room}{path}", token).status_code == 200


async def test_events_of_a_newer_version_break_no_room(
    tmp_path: Path, database: Mongod, seed: int
) -> None:
    settings = patient(database, tmp_path)
    with nodes(tmp_path, 2, **settings) as (here, there):
        async with Fleet(here, SCALE, seed, others=[there]) as fleet:

            async def newer() -> None:
                await write_all(settings, fleet.rooms, tmp_path)
                for server, newcomer in ((here, "first"), (there, "second")):
                    await asyncio.to_thread(look, server, fleet.rooms, newcomer)

            outcome = await trial.run(fleet, newer)
            logs = await fleet.logs()
        assert outcome.findings == []
        assert outcome.complaints == []
        assert outcome.connections == 1
        unknown = [each for log in logs.values() for each in log if each["ev"] == "event.unknown"]
        assert len(unknown) == TIMES * len(KINDS) * len(fleet.rooms)
        assert {each["unknown"] for each in unknown} == {
            "poll.opened",
            "poll.voted",
            "member.joined",
        }
        assert here.errors() == there.errors() == []
    record_trial(outcome.row(FAULT, "MongoDB", seed))
    record(FAULT, "events that the nodes did not know, in their logs", str(len(unknown)))
