"""Ways to break the files of a backup: of its own, and with those of another one of the same store."""

import os
import shutil

from chatserver.copies.backup.increments import FOLDER, files
from chatserver.copies.backup.manifest import FILE
from tests.backup.planting import Three, Way, parts, swapped, taken_over


def swap_neighbours(of: Three) -> None:
    swapped(*parts(of.this, "events")[1:3])


def swap_streams(of: Three) -> None:
    swapped(parts(of.this, "records")[0], parts(of.this, "late")[0])


def double_a_part(of: Three) -> None:
    first, second, *_ = parts(of.this, "events")
    second.write_bytes(first.read_bytes())


def append_a_part_again(of: Three) -> None:
    last = parts(of.this, "events")[-1]
    last.write_bytes(last.read_bytes() * 2)


def append_zeros(of: Three) -> None:
    last = parts(of.this, "records")[-1]
    last.write_bytes(last.read_bytes() + bytes(512))


def empty_a_part(of: Three) -> None:
    parts(of.this, "events")[-1].write_bytes(b"")


def zeros_of_the_same_length(of: Three) -> None:
    part = parts(of.this, "events")[1]
    part.write_bytes(bytes(part.stat().st_size))


def zeros_in_the_middle(of: Three) -> None:
    part = parts(of.this, "records")[0]
    data = part.read_bytes()
    part.write_bytes(data[:40] + bytes(len(data) - 80) + data[-40:])


def a_folder_for_a_part(of: Three) -> None:
    part = parts(of.this, "events")[0]
    part.unlink()
    part.mkdir()


def a_pipe_for_a_part(of: Three) -> None:
    part = parts(of.this, "events")[0]
    part.unlink()
    os.mkfifo(part)


def a_pipe_for_an_increment(of: Three) -> None:
    path = files(of.this)[0]
    path.unlink()
    os.mkfifo(path)


def cut_at_a_frame(of: Three) -> None:
    """Each part has one frame, except the last, of which only the header is left."""
    part = parts(of.this, "ends")[-1]
    part.write_bytes(part.read_bytes()[:9])


def an_older_part(of: Three) -> None:
    taken_over("events-00001", of, of.older)


def a_newer_part(of: Three) -> None:
    taken_over("ends-00001", of, of.newer)


def older_records(of: Three) -> None:
    for part in parts(of.this, "records"):
        part.unlink()
    for part in parts(of.older, "records"):
        shutil.copy(part, of.this)


def an_older_manifest(of: Three) -> None:
    taken_over(FILE, of, of.older)


def a_newer_manifest(of: Three) -> None:
    taken_over(FILE, of, of.newer)


def all_of_an_older_one(of: Three) -> None:
    """The state of an older copy of the disk."""
    shutil.rmtree(of.this)
    shutil.copytree(of.older, of.this)


def an_older_increment(of: Three) -> None:
    shutil.copy(files(of.older)[1], files(of.this)[1])


def a_newer_increment(of: Three) -> None:
    shutil.copy(files(of.newer)[0], files(of.this)[0])


def older_increments(of: Three) -> None:
    """All of them: each follows the one before."""
    shutil.rmtree(of.this / FOLDER)
    shutil.copytree(of.older / FOLDER, of.this / FOLDER)


def an_older_one_behind_the_last(of: Three) -> None:
    shutil.copy(files(of.older)[-1], of.this / FOLDER / "00004-00")


def an_older_one_with_its_name(of: Three) -> None:
    shutil.copy(files(of.older)[-1], of.this / FOLDER)


PARTS: tuple[Way, ...] = (
    swap_neighbours,
    swap_streams,
    double_a_part,
    append_a_part_again,
    append_zeros,
    empty_a_part,
    zeros_of_the_same_length,
    zeros_in_the_middle,
    a_folder_for_a_part,
    a_pipe_for_a_part,
    a_pipe_for_an_increment,
    cut_at_a_frame,
    an_older_part,
    a_newer_part,
    older_records,
    an_older_manifest,
    a_newer_manifest,
    all_of_an_older_one,
    an_older_increment,
    a_newer_increment,
    older_increments,
    an_older_one_behind_the_last,
    an_older_one_with_its_name,
)
