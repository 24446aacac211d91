"""The folder with all backups: only what is complete counts, and what is too old goes."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chatserver.copies.backup.errors import BackupError
from chatserver.copies.backup.moment import choose
from chatserver.copies.backup.shelf import Shelf

NOW = datetime(2026, 11, 25, 10, 0, tzinfo=UTC)


def made(shelf: Shelf, *ages: float) -> list[str]:
    for days in ages:
        with shelf.draft(NOW - timedelta(days=days)) as folder:
            (folder / "part").write_bytes(b"x")
    return names(shelf)


def names(shelf: Shelf) -> list[str]:
    return [path.name for path in shelf.all()]


def test_a_backup_has_its_name_when_it_is_complete(shelf: Shelf) -> None:
    with shelf.draft(NOW) as folder:
        (folder / "part").write_bytes(b"x")
        assert names(shelf) == []
    assert names(shelf) == ["chatserver-20261125T100000Z"]
    assert (shelf.all()[0] / "part").read_bytes() == b"x"
    assert oct(shelf.all()[0].stat().st_mode)[-3:] == "700"


def test_two_of_one_second_get_different_names(shelf: Shelf) -> None:
    assert made(shelf, *[0.0] * 11) == [
        "chatserver-20261125T100000Z",
        *(f"chatserver-20261125T100000Z-{number}" for number in range(2, 12)),
    ]


def test_a_failed_backup_leaves_nothing(shelf: Shelf) -> None:
    with pytest.raises(RuntimeError), shelf.draft(NOW) as folder:
        (folder / "part").write_bytes(b"x")
        raise RuntimeError
    assert [path.name for path in shelf.folder.iterdir()] == [".lock"]


def test_a_backup_cut_off_by_a_crash_is_not_listed_and_removed_by_the_next(shelf: Shelf) -> None:
    for name in (".partial-chatserver-20261124T100000Z", ".removed-chatserver-20261123T100000Z"):
        (shelf.folder / name).mkdir(parents=True)
        (shelf.folder / name / "part").write_bytes(b"x")
    assert names(shelf) == []
    made(shelf, 0)
    assert sorted(path.name for path in shelf.folder.iterdir()) == [".lock", *names(shelf)]


def test_one_at_a_time(shelf: Shelf) -> None:
    with (
        shelf.draft(NOW),
        pytest.raises(BackupError, match="another process is making a backup"),
        shelf.draft(NOW),
    ):
        pass
    assert len(names(shelf)) == 1


def test_older_backups_are_removed_except_the_newest(shelf: Shelf) -> None:
    made(shelf, 40, 31, 29, 1)
    gone = shelf.rotate(NOW, keep_days=30, keep_count=0)
    assert [path.name for path in gone] == [
        "chatserver-20261016T100000Z",
        "chatserver-20261025T100000Z",
    ]
    assert len(names(shelf)) == 2
    shelf.rotate(NOW + timedelta(days=100), keep_days=30, keep_count=0)
    assert names(shelf) == ["chatserver-20261124T100000Z"]


def test_beyond_the_count_the_oldest_go(shelf: Shelf) -> None:
    made(shelf, 4, 3, 2, 1)
    shelf.rotate(NOW, keep_days=0, keep_count=2)
    assert names(shelf) == ["chatserver-20261123T100000Z", "chatserver-20261124T100000Z"]
    shelf.rotate(NOW, keep_days=0, keep_count=0)
    assert len(names(shelf)) == 2


def test_other_files_in_the_folder_are_left_alone(shelf: Shelf) -> None:
    made(shelf, 100, 50)
    other = shelf.folder / "chatserver-notes"
    other.mkdir()
    shelf.rotate(NOW, keep_days=1, keep_count=1)
    assert other.is_dir()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    shelf = Shelf(tmp_path / "file" / "backups")
    with pytest.raises(BackupError, match=r"file/backups: Not a directory"), shelf.draft(NOW):
        pass


@contextmanager
def without_rights() -> Iterator[None]:
    """Not as root, to whom nothing is read-only."""
    mine = os.geteuid()
    if mine == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        if mine == 0:
            os.seteuid(mine)


def test_a_read_only_folder_is_reported_and_keeps_its_contents(shelf: Shelf) -> None:
    made(shelf, 1)
    shelf.folder.chmod(0o500)
    try:
        with (
            without_rights(),
            pytest.raises(BackupError, match="backups: Permission denied"),
            shelf.draft(NOW),
        ):
            pass
        assert len(names(shelf)) == 1
    finally:
        shelf.folder.chmod(0o700)


def test_a_folder_without_the_right_to_list_it_is_named(shelf: Shelf) -> None:
    made(shelf, 1)
    [backup] = shelf.all()
    backup.chmod(0)
    try:
        with without_rights(), pytest.raises(BackupError, match="Permission denied"):
            choose(backup, None, None)
    finally:
        backup.chmod(0o700)
