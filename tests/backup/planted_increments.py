"""Ways to break a backup's increments: gaps, files and frames doubled or out of order."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from chatserver.copies.backup.increments import FOLDER, files
from chatserver.copies.backup.ledger import FILE as LEDGER
from tests.backup.planting import Three, Way, swapped


def a_gap(of: Three) -> None:
    files(of.this)[1].unlink()


def a_gap_closed(of: Three) -> None:
    _, second, third = files(of.this)
    third.rename(second)


def begun_later(of: Three) -> None:
    first, second, third = files(of.this)
    second.rename(first)
    third.rename(second)


def doubled(of: Three) -> None:
    *_, last = files(of.this)
    shutil.copy(last, last.with_name("00004-00"))


def out_of_order(of: Three) -> None:
    swapped(*files(of.this)[1:])


def none_left(of: Three) -> None:
    shutil.rmtree(of.this / FOLDER)


def last_gone(of: Three) -> None:
    files(of.this)[-1].unlink()


def last_cut_at_a_tenth(of: Three) -> None:
    path = files(of.this)[-1]
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 10])


def no_ledger(of: Three) -> None:
    (of.this / LEDGER).unlink()


def neither_increments_nor_ledger(of: Three) -> None:
    none_left(of)
    no_ledger(of)


def the_ledger_of_another(of: Three) -> None:
    shutil.copy(of.older / LEDGER, of.this / LEDGER)


def an_empty_ledger(of: Three) -> None:
    (of.this / LEDGER).write_bytes(b"")


def a_ledger_of_less(of: Three) -> None:
    """It was written without the key."""
    path, known = of.this / LEDGER, b'{"frames":{},"until":""}'
    proof = path.read_bytes().split(b"\n")[1]
    path.write_bytes(known + b"\n" + proof + b"\n")


def frames(path: Path) -> list[bytes]:
    data, found = path.read_bytes(), []
    while data:
        size = 9 + int.from_bytes(data[1:5], "big")
        found.append(data[:size])
        data = data[size:]
    return found


def reframed(number: int, change: Callable[[list[bytes]], Sequence[bytes]]) -> Way:
    def way(of: Three) -> None:
        path = files(of.this)[number]
        path.write_bytes(b"".join(change(frames(path))))

    return way


def zeros_for_an_increment(of: Three) -> None:
    path = files(of.this)[-1]
    path.write_bytes(bytes(path.stat().st_size))


FRAMES: dict[str, Way] = {
    "frame doubled": reframed(-1, lambda it: [*it[:2], it[1], *it[2:]]),
    "frames swapped": reframed(-1, lambda it: [it[0], it[2], it[1], *it[3:]]),
    "frame gone": reframed(-1, lambda it: [*it[:2], *it[3:]]),
    "first frame gone": reframed(-1, lambda it: it[1:]),
    "cut between frames": reframed(0, lambda it: it[:-1]),
    "last frame gone": reframed(-1, lambda it: it[:-1]),
    "nothing left": reframed(1, lambda it: []),
    "goes on after its end": reframed(-1, lambda it: [*it, it[1]]),
    "zeros behind its end": reframed(-1, lambda it: [*it, bytes(9)]),
}

INCREMENTS: tuple[Way, ...] = (
    a_gap,
    a_gap_closed,
    begun_later,
    doubled,
    out_of_order,
    zeros_for_an_increment,
    none_left,
    last_gone,
    last_cut_at_a_tenth,
    no_ledger,
    neither_increments_nor_ledger,
    the_ledger_of_another,
    an_empty_ledger,
    a_ledger_of_less,
)
