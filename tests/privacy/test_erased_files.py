"""After an erasure the person's texts are in no file of the database: 200 markers are looked for in all bytes.

On SQLite that holds at once. PostgreSQL keeps old rows until they are vacuumed, and its log until the segments end.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from chatserver import RoomKind
from chatserver.privacy.rewriting import Erased
from chatserver.service import cleanings, removal
from chatserver.testing.running import Chat, Person, running
from tests.servers import Postgres

MARKERS = 200
PLUGINS = ("drafts", "saved", "profiles", "reminders", "slash_commands", "account_deletion")
SETTINGS = {"limits.registrations_per_hour": 0, "limits.operations_per_second": 10_000.0}


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No other node has accepted a message meanwhile, or is making a part of the index."""
    monkeypatch.setattr(removal, "SETTLED_SECONDS", 0.0)
    monkeypatch.setattr(cleanings, "SETTLED_SECONDS", 0.0)


def marker(number: int) -> str:
    return f"quincemark{number:03}end"


def found_in(folder: Path) -> set[str]:
    """The markers, and names of the person, in the files of a folder, whatever the case of their letters."""
    contents = [path.read_bytes().lower() for path in folder.rglob("*") if path.is_file()]
    wanted = {*(marker(number) for number in range(MARKERS)), "plumfieldname"}
    return {each for each in wanted if any(each.encode() in content for content in contents)}


async def talk(chat: Chat) -> tuple[Person, Person]:
    """Somebody who leaves a marker in 200 places: messages, edits, a direct room, drafts, a profile."""
    await chat.user("owner")
    ada, eve = await chat.user("ada"), await chat.user("eve")
    ada.user = await chat.service.accounts.rename("ada", name="Plumfieldname")
    room = await ada.create_room("Lounge", members=[eve])
    direct = await chat.service.rooms.create(ada.user, RoomKind.DIRECT, None, members=[eve.id])
    for number in range(MARKERS - 10):
        where = direct if number % 5 == 0 else room
        posted = await ada.post(where, f"{marker(number)} {'and more ' * (number % 50)}")
        if number % 3 == 0:
            await chat.service.messages.edit(ada.user, where, posted.id, f"{marker(number)} again")
        if number % 7 == 0:
            await eve.post(where, "@ada is right")
    for number in range(MARKERS - 10, MARKERS):
        await ada.call("drafts.save", room=room.id, body=marker(number))
        room = await ada.create_room(f"Room {number}")
    await chat.service.indexer.catch_up()
    return ada, eve


async def erase(chat: Chat, ada: Person) -> None:
    await chat.service.removal.delete(ada.user.username, mode=Erased.REDACT)
    await chat.service.removal.settle()
    for _ in range(3):
        await chat.service.replaced_texts.remove()


async def test_nothing_is_left_in_the_files_of_sqlite() -> None:
    async with running(*PLUGINS, store="sqlite", settings=SETTINGS) as chat:
        folder = Path(chat._server.config.server.data)
        ada, eve = await talk(chat)
        assert len(found_in(folder)) == MARKERS + 1, "the scan finds what is there"
        await erase(chat, ada)
        assert found_in(folder) == set()
        assert (await eve.http("GET", "/api/v1/rooms")).status == 200


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Postgres]:
    """A PostgreSQL whose log is short: it removes segments at a checkpoint instead of using them again."""
    server = Postgres(tmp_path / "postgres")
    (tmp_path / "postgres").mkdir()
    server.start(wal_recycle="off", min_wal_size="32MB", max_wal_size="32MB", autovacuum="off")
    yield server
    server.stop()


async def vacuumed(uri: str) -> None:
    """What docs/privacy.md tells operators to do, or to wait for."""
    connection: Any = await asyncpg.connect(uri)
    try:
        await connection.execute("VACUUM FULL")
        for _ in range(2):
            await connection.execute("CHECKPOINT")
            await connection.execute("SELECT pg_switch_wal()")
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()


@pytest.mark.long
async def test_nothing_is_left_in_the_files_of_postgres_once_it_is_vacuumed(
    database: Postgres,
) -> None:
    settings = {**SETTINGS, "plugin.postgres.uri": database.uri}
    async with running(*PLUGINS, store="postgres", settings=settings) as chat:
        ada, eve = await talk(chat)
        await vacuumed(database.uri)
        folder = database.folder / "db"
        assert len(found_in(folder)) > MARKERS / 2, "rows that are short are not compressed"
        await erase(chat, ada)
        await vacuumed(database.uri)
        assert found_in(folder) == set()
        assert (await eve.http("GET", "/api/v1/rooms")).status == 200
    await asyncio.sleep(0)
