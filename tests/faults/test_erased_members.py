"""After an erasure the person's texts are in no file of MongoDB, once each member of the set has been synced anew.

MongoDB overwrites nothing that it frees: neither when its oplog moves on, nor when a collection is compacted. What a
new member copies from another is what is there, so the files of all members are made again, one after the other.
"""

import asyncio
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pymongo
import pytest
from pymongo.errors import OperationFailure

from chatserver.service import cleanings, removal
from chatserver.testing.running import running
from tests.faults.members import COUNT, Member, Members
from tests.faults.proxy import Network
from tests.privacy.planted import MARKERS, PLUGINS, SETTINGS, erase, found_in, talk
from tests.servers import PATIENT_MS, START_SECONDS

# Files and journals that are not packed, so that all of them can be read; and no log of long commands.
OPTIONS = (
    *("--wiredTigerCollectionBlockCompressor", "none"),
    *("--wiredTigerJournalCompressor", "none"),
    *("--slowms", "600000"),
)
NO_CHECKPOINT_YET = 5841000  # the code of an error


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No other node has accepted a message meanwhile, or is making a part of the index."""
    monkeypatch.setattr(removal, "SETTLED_SECONDS", 0.0)
    monkeypatch.setattr(cleanings, "SETTLED_SECONDS", 0.0)


@pytest.fixture
def own_members(network: Network, tmp_path: Path) -> Iterator[Members]:
    members = Members(tmp_path, network, OPTIONS)
    try:
        members.start()
        yield members
    finally:
        members.kill()


def write_all(members: Members) -> None:
    """Have everything in the files."""
    deadline = time.monotonic() + START_SECONDS
    for member in members.all:
        address = f"mongodb://127.0.0.1:{member.port}/?directConnection=true"
        with pymongo.MongoClient(address) as client:
            while not _is_written(client):
                assert time.monotonic() < deadline, "a new member takes no checkpoint"
                time.sleep(0.1)


def _is_written(client: "pymongo.MongoClient[dict[str, object]]") -> bool:
    """A member that has just been synced can only write all of it once there was a change after that."""
    try:
        client.admin.command("fsync")
    except OperationFailure as error:
        if error.code != NO_CHECKPOINT_YET:
            raise
        return False
    return True


def sync_anew(members: Members, member: Member) -> None:
    """What docs/privacy.md tells operators to do; returns when the member has what the others have."""
    member.stop()
    shutil.rmtree(member.folder / "db")
    members.heal()


@pytest.mark.long
async def test_nothing_is_left_in_the_files_once_each_member_is_synced_anew(
    own_members: Members,
) -> None:
    members = own_members
    settings = {**SETTINGS, "plugin.mongo.uri": members.uri, "plugin.mongo.timeout_ms": PATIENT_MS}
    async with running(*PLUGINS, store="mongo", settings=settings) as chat:
        ada, eve = await talk(chat)
        await asyncio.to_thread(write_all, members)
        found = [found_in(member.folder) for member in members.all]
        assert [len(each) for each in found] == [MARKERS + 1] * COUNT, (
            "the scan finds what is there"
        )
        await erase(chat, ada)
        await asyncio.to_thread(write_all, members)
        assert all(found_in(member.folder) for member in members.all), "freed blocks keep it"
        before = (await eve.http("GET", "/api/v1/rooms")).body
        primary = members.primary()
        for member in (*(each for each in members.all if each is not primary), primary):
            await asyncio.to_thread(sync_anew, members, member)
        await asyncio.to_thread(write_all, members)
        assert [found_in(member.folder) for member in members.all] == [set()] * COUNT
        assert (await eve.http("GET", "/api/v1/rooms")).body == before
