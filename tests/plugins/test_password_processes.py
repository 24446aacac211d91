"""The processes that hash passwords: who runs them, and what becomes of a password when one fails."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import argon2
import pytest

from chatserver import ChatError
from chatserver_plugins.password import hashing, processes
from chatserver_plugins.password.config import PasswordConfig
from chatserver_plugins.password.hashing import Hasher
from chatserver_plugins.password.processes import (
    SCRIPT,
    Calculator,
    Cost,
    Job,
    Processes,
    Unavailable,
)

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="finds the processes in Linux' /proc"
)

SECRET = b"correct horse battery staple"
COST = Cost(passes=1, memory_kib=8192, lanes=1)
SLOW = Cost(passes=60, memory_kib=8192, lanes=1)  # about half a second


def running() -> list[int]:
    """The ids of the processes that this one has begun for hashing, those that have ended not counted."""
    tasks = Path("/proc/self/task").iterdir()
    children = [child for task in tasks for child in (task / "children").read_text().split()]
    return [int(child) for child in children if str(processes.SCRIPT) in command(child)]


def command(process: str) -> str:
    """Its program and arguments; nothing for one that has ended."""
    try:
        return Path("/proc", process, "cmdline").read_text()
    except OSError:
        return ""


def inherited(process: int) -> tuple[bytes, Path, set[int]]:
    """The environment, folder and open files of a process."""
    own = Path("/proc", str(process))
    files = {int(each.name) for each in (own / "fd").iterdir()}
    return (own / "environ").read_bytes(), (own / "cwd").readlink(), files


@pytest.fixture(autouse=True)
def prompt(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Processes get time although other tests want all that there is."""
    script = tmp_path / "prompt.py"
    script.write_text(
        "import os, runpy\n"
        "os.sched_setscheduler = lambda *_: None\n"
        f"runpy.run_path({str(SCRIPT)!r}, run_name='__main__')\n"
    )
    monkeypatch.setattr(processes, "SCRIPT", script)
    monkeypatch.setattr(processes, "PATIENCE_SECONDS", 60.0)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.01)


def make(cost: Cost = COST, threads: int = 2, waiting: int = 4) -> Hasher:
    return Hasher(
        memory_kib=cost.memory_kib,
        passes=cost.passes,
        lanes=cost.lanes,
        threads=threads,
        waiting=waiting,
    )


@asynccontextmanager
async def made() -> AsyncIterator[Hasher]:
    hasher = make()
    yield hasher
    await hasher.close()
    assert not running()


async def test_a_process_hashes_and_verifies_as_a_thread_does() -> None:
    async with made() as hasher:
        encoded = await hasher.hash(SECRET)
        assert encoded.startswith("$argon2id$v=19$m=8192,t=1,p=1$")
        assert argon2.PasswordHasher().verify(encoded, SECRET)
        assert encoded != await hasher.hash(SECRET)  # a salt of its own
        assert not hasher.outdated(encoded)
        assert await hasher.verify(encoded, SECRET)
        assert not await hasher.verify(encoded, SECRET + b"!")
        assert not await hasher.verify(hasher.dummy, SECRET)
        assert len(running()) == 1
        with pytest.raises(argon2.exceptions.InvalidHashError):
            await hasher.verify("no hash", SECRET)
        assert await hasher.verify(encoded, SECRET)
        assert len(running()) == 1


async def test_a_process_takes_no_time_that_others_want(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "SCRIPT", SCRIPT)
    async with made() as hasher:
        task = asyncio.ensure_future(hasher.hash(SECRET))
        await until(lambda: [os.sched_getscheduler(each) for each in running()] == [os.SCHED_IDLE])
        assert os.sched_getscheduler(0) == os.SCHED_OTHER
        assert argon2.PasswordHasher().verify(await task, SECRET)


async def test_a_process_knows_nothing_of_the_server() -> None:
    async with made() as hasher:
        await hasher.hash(SECRET)
        (process,) = running()
        assert inherited(process) == (b"", Path("/"), {0, 1, 2})


async def test_what_is_quick_needs_no_process() -> None:
    hasher = make(Cost(passes=1, memory_kib=1024, lanes=1))
    encoded = await hasher.hash(SECRET)
    assert await hasher.verify(encoded, SECRET)
    assert not running()
    await hasher.close()


@pytest.mark.parametrize("number", [1, 2])
async def test_no_more_run_than_may_and_the_others_wait_their_turn(number: int) -> None:
    calculators, order = Processes(number, COST), list[int]()

    async def hashed(name: int) -> None:
        await calculators.do(Job(SECRET.hex()))
        order.append(name)
        assert len(running()) == number

    await asyncio.gather(*map(hashed, range(8)))
    assert sorted(order) == list(range(8))
    assert number > 1 or order == list(range(8))
    await calculators.close()


async def test_more_than_may_wait_are_told_to_come_later() -> None:
    hasher = make(threads=1, waiting=2)
    answers = await asyncio.gather(*(hasher.hash(SECRET) for _ in range(5)), return_exceptions=True)
    assert [isinstance(answer, ChatError) for answer in answers] == [False] * 3 + [True] * 2
    assert await hasher.verify(answers[0], SECRET)
    await hasher.close()


async def test_each_gets_the_answer_to_its_own_password() -> None:
    async with made() as hasher:
        first = await hasher.hash(SECRET)
        asked = asyncio.ensure_future(hasher.verify(first, SECRET))
        await asyncio.sleep(0)
        await until(lambda: hasher._active == 1)
        asked.cancel()
        assert await asyncio.gather(
            *(hasher.verify(first, SECRET if number % 2 else b"another") for number in range(4))
        ) == [False, True, False, True]


@pytest.fixture(params=["ends", "stopped", "garbage", "none"])
def broken(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    kind: str = request.param
    if kind == "none":
        monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    elif kind == "ends":
        processes.SCRIPT.write_text("input()")
    elif kind == "garbage":
        processes.SCRIPT.write_text("input(); print('garbage')")
    elif kind == "stopped":  # it gets no time at all
        monkeypatch.setattr(processes, "PATIENCE_SECONDS", 0.5)
        monkeypatch.setattr(processes, "PATIENCE_OF_WORK", 0.0)
    return kind


async def interrupted(work: Awaitable[str], by: signal.Signals) -> str:
    """The result of the work, whose process gets a signal in the midst of it."""
    task = asyncio.ensure_future(work)
    await until(lambda: bool(running()))
    os.kill(running()[0], by)
    return await task


async def test_a_password_is_hashed_whatever_becomes_of_the_process(
    broken: str,
) -> None:
    if broken == "stopped":
        hasher = make(SLOW)
        encoded = await interrupted(hasher.hash(SECRET), signal.SIGSTOP)
    else:
        hasher = make()
        encoded = await hasher.hash(SECRET)
    assert argon2.PasswordHasher().verify(encoded, SECRET)
    assert not running()
    assert await hasher.verify(encoded, SECRET)
    assert not running()  # threads do it for a minute
    await hasher.close()


async def test_a_password_whose_process_is_ended_goes_to_another() -> None:
    hasher = make(SLOW)
    encoded = await interrupted(hasher.hash(SECRET), signal.SIGKILL)
    assert argon2.PasswordHasher().verify(encoded, SECRET)
    assert running()
    await hasher.close()


async def test_none_is_left_or_begun_when_the_server_stops() -> None:
    calculator = Calculator(SLOW)
    task = asyncio.ensure_future(calculator.do(Job(SECRET.hex())))
    await until(lambda: bool(running()))
    await calculator.close()
    with pytest.raises(Unavailable):
        await task
    assert not running()


async def test_after_a_while_a_process_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "THREADS_SECONDS", 0.05)
    async with made() as hasher:
        with monkeypatch.context() as none:
            none.setattr(sys, "executable", "/nonexistent/python")
            encoded = await hasher.hash(SECRET)
            assert not running()
        await asyncio.sleep(0.1)
        assert await hasher.verify(encoded, SECRET)
        assert len(running()) == 1


async def test_one_that_ended_while_it_was_not_needed_is_replaced() -> None:
    async with made() as hasher:
        encoded = await hasher.hash(SECRET)
        (process,) = running()
        os.kill(process, signal.SIGKILL)
        await until(lambda: process not in running())
        assert await hasher.verify(encoded, SECRET)
        assert running() and running() != [process]


async def test_one_that_nobody_needs_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "IDLE_SECONDS", 0.2)
    calculator = Calculator(COST)
    for _ in range(2):
        answer = await calculator.do(Job(SECRET.hex()))
        assert argon2.PasswordHasher().verify(answer.encoded, SECRET)
        assert running()
        await until(lambda: not running())
    await calculator.close()


async def test_one_at_work_is_not_taken_for_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "IDLE_SECONDS", 0.05)
    calculator = Calculator(SLOW)
    await calculator.do(Job("", argon2.PasswordHasher(1, 8, 1).hash(b"")))  # quick
    answer = await calculator.do(Job(SECRET.hex()))
    assert argon2.PasswordHasher().verify(answer.encoded, SECRET)
    await calculator.close()


def test_one_whose_server_is_gone_ends() -> None:
    ended = subprocess.run(
        [sys.executable, "-I", SCRIPT, *map(str, COST)],
        stdin=subprocess.DEVNULL,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0


async def test_the_default_cost_is_worth_a_process() -> None:
    config = PasswordConfig()
    hasher = make(Cost(config.passes, config.memory_kib, config.lanes))
    await hasher.hash(SECRET)
    assert running()
    await hasher.close()
