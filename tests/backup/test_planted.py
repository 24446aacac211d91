"""Backups with files swapped, although each file by itself looks right: every swap is found.

The planted file comes from the same backup, from another one of the same store, or from somebody who
knows the format; without a key its checksums fit as well.
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chatserver.copies.archive.errors import ArchiveError
from chatserver.copies.backup.key import Key
from chatserver.copies.backup.ledger import FILE as LEDGER
from chatserver.copies.backup.reading import Backup
from chatserver.copies.backup.seal import Plain
from chatserver.copies.backup.shelf import Shelf
from chatserver.copies.backup.verify import verify
from tests.backup.conftest import KEY, KINDS
from tests.backup.planted_contents import CONTENTS
from tests.backup.planted_files import PARTS
from tests.backup.planted_increments import FRAMES, INCREMENTS
from tests.backup.planted_manifests import MANIFESTS
from tests.backup.planting import Way, rewritten, three

Empty = Callable[[str], Any]
WAYS: dict[str, Way] = {
    **{way.__name__: way for way in (*PARTS, *INCREMENTS, *MANIFESTS)},
    **FRAMES,
    **CONTENTS,
}


@pytest.fixture(autouse=True)
def all_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Records are looked at in every round."""
    monkeypatch.setattr("chatserver.copies.backup.shipper.SHARE", 1e9)


async def found(path: Path, key: Key | None, empty: Empty) -> str:
    """The defect found in a backup; empty if it is reported whole."""
    try:
        async with empty("memory") as scratch:
            await verify(Backup(path, key), scratch)
    except ArchiveError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "encrypted"])
@pytest.mark.parametrize("kind", KINDS)
async def test_all_are_found(
    kind: str, key: Key | None, empty: Empty, shelf: Shelf, tmp_path: Path
) -> None:
    async with empty(kind) as store:
        whole = await three(store, shelf, key)
    missed, unnamed = [], []
    for name, way in WAYS.items():
        broken = tmp_path / "broken" / whole.this.name
        shutil.copytree(whole.this, broken)
        way(whole._replace(this=broken))
        said = await found(broken, key, empty)
        shutil.rmtree(broken)
        if not said:
            missed.append(name)
        elif str(broken) not in said:
            unnamed.append((name, said))
    assert not missed and not unnamed
    assert len(WAYS) > 50
    for path in whole[:3]:
        assert await found(path, key, empty) == "", "what is whole is not called broken"


async def test_a_plain_backup_of_the_first_version_can_be_read(
    empty: Empty, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its chunks do not say which backup they are of."""
    with monkeypatch.context() as first:
        first.setattr("chatserver.copies.backup.seal.Plain", lambda _, stream: Plain(b"", stream))
        async with empty("memory") as store:
            path, _, _, _ = await three(store, shelf, None)
    assert "the checksum is wrong" in await found(path, None, empty)
    rewritten(path, version=1, ledger=False)
    (path / LEDGER).unlink()
    assert await found(path, None, empty) == ""
