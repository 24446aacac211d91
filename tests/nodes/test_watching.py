"""The parent of workers, with processes that behave badly."""

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from chatserver.app import STOP_SECONDS
from chatserver.cluster.workers.parent import GRACE_SECONDS, Parting, Worker
from chatserver.cluster.workers.parent import watch as watch_and_steer
from chatserver.cluster.workers.place import Place
from chatserver.cluster.workers.steering import Steering
from chatserver.handover.bequest import Bequest
from chatserver.handover.restarting import Restarting
from chatserver.process.folders import DataFolder
from chatserver.process.stopping import Stop
from tests.waiting import until

SOON_SECONDS = 60.0
BEGIN = "import os, signal, sys, time"
NOTE = "print('x', file=open(sys.argv[1], 'a'))"


async def watch(workers: list[Worker], stop_seconds: float) -> int:
    """They have no sockets, and replace nobody."""
    stop = Stop(10 * SOON_SECONDS)
    stop.watch([signal.SIGTERM])
    with TemporaryDirectory() as data, closing(DataFolder(Path(data))) as folder:
        restarting = Restarting(folder.path, in_turn=False)
        nothing = Bequest(
            pid=0,
            data=data,
            lock=-1,
            public_at=("", 0),
            internal_at=("", 0),
            public=(),
            internal=(),
        )
        parting = Parting(restarting, nothing, folder, None, lambda: None)
        drain_seconds = stop_seconds - STOP_SECONDS - GRACE_SECONDS
        return await watch_and_steer(
            workers, drain_seconds, Steering([[] for _ in workers]), parting, stop
        )


@pytest.fixture
def place() -> Iterator[Place]:
    files = [*os.pipe(), *(os.open(os.devnull, os.O_RDONLY) for _ in range(2))]
    own, parent, lock, hear = files
    yield Place(1, (), (), (), own, parent, lock, hear, ())
    for each in files:
        os.close(each)


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """A file with a line for each start of a worker."""
    return tmp_path / "notes"


def worker(place: Place, notes: Path, then: str, *, first: str = "") -> Worker:
    """A worker that does something, notes that it has started, and does something else."""
    code = "\n".join([BEGIN, first, NOTE, then])
    return Worker(place, [sys.executable, "-c", code, str(notes)])


async def started(notes: Path, times: int) -> None:
    await until(lambda: lines(notes) >= times)


def lines(notes: Path) -> int:
    return len(notes.read_text().splitlines()) if notes.exists() else 0


@pytest.mark.parametrize("end", ["os.kill(os.getpid(), 9)", "sys.exit(0)"])
async def test_a_worker_that_ends_repeatedly_is_started_ever_more_slowly(
    place: Place, notes: Path, end: str
) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    watching = asyncio.create_task(watch([worker(place, notes, end)], SOON_SECONDS))
    await started(notes, 4)
    assert loop.time() - began > 0.2 + 0.4 + 0.8
    os.kill(os.getpid(), signal.SIGTERM)
    assert await watching in (0, signal.SIGKILL)  # as it may end by itself first


async def test_a_worker_that_cannot_start_at_all_ends_the_others(place: Place, notes: Path) -> None:
    workers = [worker(place, notes, "time.sleep(600)"), worker(place, notes, "sys.exit(3)")]
    assert await watch(workers, SOON_SECONDS) == 3


async def test_a_worker_that_cannot_start_a_second_time_is_tried_again(
    place: Place, notes: Path
) -> None:
    fails_later = "os.kill(os.getpid(), 9) if os.path.getsize(sys.argv[1]) < 3 else sys.exit(1)"
    watching = asyncio.create_task(watch([worker(place, notes, fails_later)], SOON_SECONDS))
    await started(notes, 3)
    os.kill(os.getpid(), signal.SIGTERM)
    assert await watching in (0, 1)


SERVES = """
import json
os.write(json.loads(os.environ["_CHATSERVER_WORKER"])["serving"], b"1")
"""


async def test_a_worker_that_has_served_is_started_again_after_any_end(
    place: Place, notes: Path
) -> None:
    watching = asyncio.create_task(watch([worker(place, notes, "sys.exit(1)", first=SERVES)], 60))
    await started(notes, 3)
    os.kill(os.getpid(), signal.SIGTERM)
    assert await watching in (0, 1)


async def test_the_end_of_a_worker_that_was_told_to_end_is_no_error(
    place: Place, notes: Path, logged: list[str]
) -> None:
    drained = worker(place, notes, "sys.exit(0)", first=SERVES)
    watching = asyncio.create_task(watch([drained], SOON_SECONDS))
    await started(notes, 2)
    os.kill(os.getpid(), signal.SIGTERM)
    assert await watching == 0
    assert logged == []


async def test_a_worker_that_fails_slowly_at_its_first_start_ends_the_others(
    place: Place, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatserver.cluster.workers.parent.HEALTHY_SECONDS", 0.01)
    slow = worker(place, notes, "time.sleep(0.5); sys.exit(3)")
    assert await watch([slow], SOON_SECONDS) == 3


async def test_a_program_that_cannot_be_run_is_named(
    place: Place, tmp_path: Path, logged: list[str]
) -> None:
    assert await watch([Worker(place, [str(tmp_path / "nothing")])], SOON_SECONDS) == 1
    assert any("worker 1 cannot be started: " in line for line in logged)


async def test_when_a_worker_cannot_be_started_for_a_while_it_is_later(
    place: Place, notes: Path, logged: list[str]
) -> None:
    program = notes.with_name("program")
    program.symlink_to(sys.executable)
    code = "\n".join([BEGIN, NOTE, "os.kill(os.getpid(), 9)"])
    away = Worker(place, [str(program), "-c", code, str(notes)])
    watching = asyncio.create_task(watch([away], SOON_SECONDS))
    await started(notes, 1)
    program.unlink()
    await until(lambda: any("worker 1 cannot be started" in line for line in logged))
    program.symlink_to(sys.executable)
    await started(notes, lines(notes) + 1)
    os.kill(os.getpid(), signal.SIGTERM)
    assert await watching in (0, 1, signal.SIGKILL)


async def test_a_worker_that_does_not_stop_in_time_is_killed(place: Place, notes: Path) -> None:
    deaf = worker(place, notes, "time.sleep(600)", first="signal.signal(15, signal.SIG_IGN)")
    watching = asyncio.create_task(watch([deaf], 0.3))
    await started(notes, 1)
    os.kill(os.getpid(), signal.SIGTERM)
    assert await watching == signal.SIGKILL
