"""Imports that are repeated, interrupted, or meet an installation that is in use."""

import asyncio
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from chatserver import Store
from chatserver.copies.archive.errors import ArchiveError
from chatserver.copies.archive.importing import import_archive
from chatserver.interfaces import Appended
from chatserver.model import AnyEvent
from chatserver_plugins.sqlite import SqlitePlugin
from tests.movingin import (
    discord_export,
    discord_package,
    mattermost_export,
    rocketchat_export,
    slack_export,
    zulip_export,
)
from tests.movingin.converted import Converted
from tests.movingin.home import Home
from tests.movingin.packing import tarred, zipped


def made(folder: Path) -> Store:
    return SqlitePlugin(SqlitePlugin.Config(), folder).provide_store()


@pytest.mark.parametrize(
    ("form", "files"),
    [
        ("slack", slack_export.export()),
        ("mattermost", mattermost_export.export()),
        ("zulip", zulip_export.export()),
        ("rocketchat", rocketchat_export.dumped()),
        ("discord", discord_export.export()),
        ("discord", discord_package.both()),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_second_conversion_makes_the_same_bytes(
    form: str, files: dict[str, object], tmp_path: Path
) -> None:
    export = (tarred if form == "zulip" else zipped)(tmp_path / "export", files)
    first = Converted(export, form, tmp_path / "first.jsonl")
    second = Converted(export, form, tmp_path / "second.jsonl")
    assert first.raw == second.raw
    assert list(first.report.lines()) == list(second.report.lines())


def test_other_options_make_another_archive(tmp_path: Path) -> None:
    export = zipped(tmp_path / "export.zip", slack_export.export())
    home = Home(tmp_path / "home")
    ids = set()
    for number, more in enumerate((["--owner", "anna"], ["--owner", "ben"], ["--without-files"])):
        target = tmp_path / f"{number}.jsonl"
        done = home.moved_in(export, "slack", *more, "--to-archive", target)
        assert done.returncode == 0 and f"Wrote {target}." in done.stdout
        ids.add(re.findall(r'"id":"(\w+)"', target.read_text())[0])
    assert len(ids) == 3
    assert not (home.folder / "data").exists()


def test_a_second_import_finds_all_there_and_a_used_installation_is_refused(tmp_path: Path) -> None:
    export = zipped(tmp_path / "export.zip", slack_export.export())
    home = Home(tmp_path / "home")
    first = home.moved_in(export, "slack", "--owner", "anna")
    assert first.returncode == 0, first.stderr
    second = home.moved_in(export, "slack", "--owner", "anna")
    assert (second.returncode, second.stdout) == (0, first.stdout)
    other = home.moved_in(export, "slack", "--owner", "ben")
    assert other.returncode == 1 and "chatserver: " in other.stderr
    home.let_in("anna")
    with home:
        anna = home.login("anna")
        general = home.rooms(anna)["general"]["id"]
        home.post(f"/api/v1/rooms/{general}/messages", anna, {"body": "new", "client_id": "1"})
        home.stop()
        third = home.moved_in(export, "slack", "--owner", "anna")
        assert third.returncode == 1 and "Imported" not in third.stdout
        home.start()
        assert home.said(home.login("anna"), general)[-1] == "Anna: new"


class Interrupted(Exception):
    """What ends an import in the middle."""


@pytest.mark.parametrize("writes", [1, 2, 5])
async def test_an_interrupted_import_goes_on(
    writes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {name: each for name, each in slack_export.export().items() if "upload" not in name}
    export = zipped(tmp_path / "export.zip", files)
    monkeypatch.setattr("chatserver.copies.archive.target.BATCH", 4)
    store, left = made(tmp_path), writes
    append = store.append
    await store.open()

    async def failing(events: Sequence[AnyEvent]) -> Appended:
        nonlocal left
        left -= 1
        if left < 0:
            raise Interrupted
        return await append(events)

    monkeypatch.setattr(store, "append", failing)
    with pytest.raises(ArchiveError):
        await import_archive(await _archive(export, tmp_path / "1.jsonl"), store)
    monkeypatch.setattr(store, "append", append)
    got = await import_archive(await _archive(export, tmp_path / "2.jsonl"), store)
    rooms = await store.list_rooms("", 100)
    heads = await store.heads(rooms)
    assert (got.rooms, got.events) == (len(rooms), sum(heads.values()))
    await store.close()


async def _archive(export: Path, target: Path) -> Path:
    await asyncio.to_thread(Converted, export, "slack", target)
    return target
