"""An archive of any store, imported into any other, is the same installation."""

import asyncio
import gzip
import hashlib
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chatserver import Store, StoreUnavailable
from chatserver.cluster.installation import bus_key, epoch
from chatserver.copies.archive import patience, source
from chatserver.copies.archive.errors import ArchiveError
from chatserver.copies.archive.exporting import export
from chatserver.copies.archive.importing import import_archive
from chatserver.errors import StartupError
from chatserver.testing.samples import posted
from tests.backup.conftest import KINDS
from tests.backup.seed import PRIVATE, Contents, contents, keep_writing, seed, shown
from tests.backup.writes import Stopped, Writes

Empty = Callable[[str], Any]
SESSION = ("plugin/password", "session/u1/secret")


async def exported(empty: Empty, path: Path) -> Contents:
    """An archive of a small installation, and the contents of that."""
    async with empty("memory") as store:
        await seed(store)
        await epoch(store)
        await export(store, path)
        return shown(await contents(store))


@pytest.mark.parametrize("kind", KINDS)
async def test_an_import_has_the_exported_contents(kind: str, empty: Empty, tmp_path: Path) -> None:
    path = tmp_path / "chat.jsonl.gz"
    async with empty(kind) as store:
        await seed(store)
        first = await epoch(store)
        await bus_key(store)
        counts = await export(store, path)
        wanted = shown(await contents(store))
    assert counts.events == sum(map(len, wanted[0].values()))
    assert counts.records == len(wanted[1])
    async with empty(kind) as fresh:
        end = await import_archive(path, fresh)
        assert (end.rooms, end.events, end.records) == (
            *(counts.rooms, counts.events, counts.records),
        )
        assert await contents(fresh) == wanted
        assert await fresh.get(*PRIVATE) is None
        assert await fresh.get(*SESSION) is None
        assert await epoch(fresh) != first


async def test_an_archive_has_nothing_that_opens_a_session_or_the_bus(
    empty: Empty, tmp_path: Path
) -> None:
    async with empty("memory") as store:
        await seed(store)
        await epoch(store)
        await bus_key(store)
        await export(store, tmp_path / "chat.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "chat.jsonl").read_bytes().splitlines()]
    records = [(line["space"], line["key"]) for line in lines if line["ev"] == "record"]
    assert ("user", "u1") in records
    assert SESSION not in records
    assert not {space for space, _ in records} & {"meta", "changed", "lease"}


async def test_each_room_is_copied_up_to_some_event_while_others_write(
    empty: Empty, tmp_path: Path
) -> None:
    async with empty("sqlite") as store:
        await seed(store, rooms=20, messages=10)
        await epoch(store)
        writing = asyncio.create_task(keep_writing(store))
        paths = await exported_while_written(store, tmp_path)
        writing.cancel()
        logs, _ = await contents(store)
    for path in paths:
        async with empty("memory") as scratch:
            await import_archive(path, scratch)
            found, records = await contents(scratch)
        for room, events in found.items():
            assert events == shown(({room: logs[room][: len(events)]}, {}))[0][room]
        for (space, key), value in records.items():
            if space == "read":
                assert int(value) <= len(found[key.partition("/")[2]])
        authors = {event.author.id for events in found.values() for event in events}
        assert authors <= {key for space, key in records if space == "user"}


async def exported_while_written(store: Store, folder: Path) -> list[Path]:
    """Three archives, during each of which somebody wrote."""
    found: list[Path] = []
    async with asyncio.timeout(60):
        for number in itertools.count():
            before = await source.positions(store)
            await export(store, folder / str(number))
            if await source.positions(store) != before:
                found.append(folder / str(number))
            if len(found) == 3:
                break
    return found


async def test_lines_may_be_written_in_another_way(empty: Empty, tmp_path: Path) -> None:
    """In any form that docs/archive.md allows."""
    wanted = await exported(empty, tmp_path / "ours")
    rooms: dict[str, list[bytes]] = {}
    spaces: dict[str, list[bytes]] = {}
    whole = b""
    for text in (tmp_path / "ours").read_bytes().split(b"\n")[:-1]:
        line = json.loads(text)
        match line["ev"]:
            case "room":
                line["sha256"] = hashlib.sha256(b"".join(rooms[line["room"]])).hexdigest()
            case "space":
                hashes = [hashlib.sha256(it).digest() for it in spaces[line["space"]]]
                total = sum(int.from_bytes(it, "big") for it in hashes) % 2**256
                line["sha256"] = f"{total:064x}"
            case "end":
                line["sha256"] = hashlib.sha256(whole).hexdigest()
        other = json.dumps(dict(sorted(line.items(), reverse=True))).encode() + b"\n"
        if line["ev"] == "record":
            spaces.setdefault(line["space"], []).append(other)
        elif "seq" in line and line["ev"] != "room":
            rooms.setdefault(line["room"], []).append(other)
        whole += other
    theirs = tmp_path / "theirs"
    theirs.write_bytes(gzip.compress(whole))  # by what is in it, not by its name
    async with empty("memory") as fresh:
        await import_archive(theirs, fresh)
        assert await contents(fresh) == wanted


async def test_an_installation_that_is_not_empty_is_left_alone(
    empty: Empty, tmp_path: Path
) -> None:
    path = tmp_path / "chat.jsonl"
    await exported(empty, path)
    async with empty("memory") as other:
        await other.put("user", "u9", b"{}")
        with pytest.raises(ArchiveError, match="not empty: it has records"):
            await import_archive(path, other)
        assert await contents(other) == ({}, {("user", "u9"): b"{}"})
        await epoch(other)  # a server may start on it as before
    async with empty("memory") as used:
        await epoch(used)
        with pytest.raises(ArchiveError, match="a server has used it"):
            await import_archive(path, used)
    async with empty("memory") as filled:
        await import_archive(path, filled)
        await import_archive(path, filled)  # as after an interruption at the very end
        await epoch(filled)
        with pytest.raises(ArchiveError, match="a server has used it"):
            await import_archive(path, filled)


async def test_there_is_nothing_to_export_where_no_server_was_or_only_a_part_is(
    empty: Empty, tmp_path: Path
) -> None:
    async with empty("memory") as store:
        with pytest.raises(ArchiveError, match="no server has used this store yet"):
            await export(store, tmp_path / "chat.jsonl")
    await exported(empty, tmp_path / "chat.jsonl")
    async with empty("memory") as part:
        with pytest.raises(Stopped):
            await import_archive(tmp_path / "chat.jsonl", Writes(part, stop_at=5))
        with pytest.raises(ArchiveError, match="the store is incomplete"):
            await export(part, tmp_path / "part.jsonl")
    assert names(tmp_path) == ["chat.jsonl"]


async def test_interrupted_at_any_write_it_goes_on(
    empty: Empty, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatserver.copies.archive.target.BATCH", 500)
    path = tmp_path / "chat.jsonl"
    wanted = await exported(empty, path)
    async with empty("memory") as store:
        writes = Writes(store)
        await import_archive(path, writes)
    for number in range(1, writes.count + 1):
        async with empty("memory") as store:
            with pytest.raises(Stopped):
                await import_archive(path, Writes(store, stop_at=number))
            begun = await store.get("meta", "filling") is not None
            if begun and number < writes.count:
                with pytest.raises(StartupError, match="being filled from the archive"):
                    await epoch(store)
            await import_archive(path, store)
            assert await contents(store) == wanted


async def test_an_import_of_another_archive_is_not_continued(empty: Empty, tmp_path: Path) -> None:
    await exported(empty, tmp_path / "one")
    await exported(empty, tmp_path / "other")
    async with empty("memory") as store:
        with pytest.raises(Stopped):
            await import_archive(tmp_path / "one", Writes(store, stop_at=5))
        with pytest.raises(ArchiveError, match=r"being filled from the archive .*: finish it"):
            await import_archive(tmp_path / "other", store)


async def test_writes_that_are_not_answered_are_made_up_for(
    empty: Empty, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "RETRY_SECONDS", 0.0)
    monkeypatch.setattr("chatserver.copies.archive.target.BATCH", 100)
    wanted = await exported(empty, tmp_path / "chat.jsonl")
    async with empty("memory") as store:
        deaf = Writes(store, unanswered=3)
        await import_archive(tmp_path / "chat.jsonl", deaf)
        assert deaf.failed > 10
        assert await contents(store) == wanted


async def test_a_store_that_stays_away_is_given_up(
    empty: Empty, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "RETRY_SECONDS", 0.0)
    monkeypatch.setattr(patience, "PATIENCE_SECONDS", 0.05)
    await exported(empty, tmp_path / "chat.jsonl")
    async with empty("memory") as store:
        with pytest.raises(StoreUnavailable):
            await import_archive(tmp_path / "chat.jsonl", Writes(store, unanswered=1))


async def test_the_later_of_two_runs_fills_the_store(empty: Empty, tmp_path: Path) -> None:
    path = tmp_path / "chat.jsonl"
    wanted = await exported(empty, path)
    async with empty("memory") as store:
        first = Writes(store, pause_at=4)
        earlier = asyncio.create_task(import_archive(path, first))
        await first.paused.wait()
        await import_archive(path, store)
        first.resume.set()
        with pytest.raises(ArchiveError, match="another run of this command has taken over"):
            await earlier
        assert await contents(store) == wanted


async def test_foreign_writes_during_the_command_are_found(empty: Empty, tmp_path: Path) -> None:
    await exported(empty, tmp_path / "chat.jsonl")
    for kind in ("event", "record"):
        async with empty("memory") as store:
            paused = Writes(store, pause_at=8)
            importing = asyncio.create_task(import_archive(tmp_path / "chat.jsonl", paused))
            await paused.paused.wait()
            await meddle(store, kind)
            paused.resume.set()
            with pytest.raises(ArchiveError, match="in the store differ"):
                await importing
            with pytest.raises(StartupError, match="being filled"):
                await epoch(store)


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def meddle(store: Store, kind: str) -> None:
    if kind == "event":
        await store.append([posted("of somebody else", 1)])
    else:
        await store.put("user", "u9", b"{}")
