"""The parts of a handover by themselves: files that pass on, and the command of the new process."""

import asyncio
import os
import signal
import socket
import sys
from functools import partial
from pathlib import Path

import msgspec
import pytest

from chatserver.config import Config, ServerConfig
from chatserver.errors import FolderInUse, StartupError
from chatserver.handover.link import State, Told
from chatserver.handover.listeners import Listeners
from chatserver.handover.predecessor import Predecessor
from chatserver.handover.restarting import Restarted, Restarting, ask
from chatserver.handover.successor import Successor
from chatserver.process.folders import DataFolder
from chatserver.process.own_command import own_command
from chatserver.process.stopping import Stop
from tests.servers import free_port


def config(port: int, internal: int = -1) -> Config:
    return Config(server=ServerConfig(port=port, internal_port=internal))


def inherited(listeners: Listeners) -> Listeners:
    """What a process with the same configuration makes of its inheritance; files as after a fork."""
    bequest = listeners.handed_over("/data", -1)

    def copies(groups: tuple[tuple[int, ...], ...]) -> tuple[tuple[int, ...], ...]:
        return tuple(tuple(os.dup(number) for number in group) for group in groups)

    given = msgspec.structs.replace(
        bequest,
        public=copies(bequest.public),
        internal=copies(bequest.internal),
        own=copies((bequest.own,))[0],
    )
    workers = len(listeners.own)
    (host, port), (_, internal) = listeners.public_at, listeners.internal_at
    assert host == "127.0.0.1"
    return Listeners(config(port, internal), workers, given)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_connection_that_waits_is_taken_by_the_new_process(workers: int) -> None:
    old = Listeners(config(free_port(), free_port()), workers)
    new = inherited(old)
    addresses = [
        group[0].getsockname() for group in (old.public[0], old.internal[0], old.own[:1]) if group
    ]
    clients = [socket.create_connection(address) for address in addresses]
    old.close()
    taken = []
    for group in (*new.public, *new.internal, new.own):
        for each in group:
            each.setblocking(False)
            try:
                taken.append(each.accept()[0])
            except BlockingIOError:
                continue
    assert {each.getpeername() for each in taken} == {each.getsockname() for each in clients}
    for each in (*taken, *clients):
        each.close()
    new.close()


def test_an_inherited_socket_and_its_copies_never_block() -> None:
    old = Listeners(config(free_port()))
    new = inherited(old)
    copy = new.public[0][0].dup()
    assert not os.get_blocking(copy.fileno())
    assert not os.get_blocking(old.public[0][0].fileno())
    copy.close()
    new.close()
    old.close()


async def test_a_process_that_waits_for_the_store_may_be_told_to_stop() -> None:
    ours, theirs = socket.socketpair()
    old = Listeners(config(free_port()))
    bequest = old.handed_over("/data", os.open(os.devnull, os.O_RDONLY))
    predecessor = Predecessor(msgspec.structs.replace(bequest, link=theirs.detach()))
    stop = Stop(600)
    waiting = asyncio.create_task(predecessor.built(stop))
    ours.setblocking(False)
    assert await asyncio.get_running_loop().sock_recv(ours, 100) == Told("built").line()
    stop.now()
    with pytest.raises(StartupError, match="told to stop"):
        await waiting
    Stop.ended()
    predecessor.close()
    ours.close()
    os.close(bequest.lock)
    old.close()


SERVES_AND_ENDS = """
import json, os, socket
link = socket.socket(fileno=json.loads(os.environ["_CHATSERVER_HANDOVER"])["link"])
link.sendall(b'{"state":"built"}' + bytes([10]))
link.recv(100)
link.sendall(b'{"state":"serves"}' + bytes([10]))
"""


async def test_a_process_that_ends_as_soon_as_it_serves_replaces_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = [sys.executable, "-c", SERVES_AND_ENDS]
    monkeypatch.setattr("chatserver.handover.successor.own_command", lambda: command)
    monkeypatch.setattr("chatserver.handover.restarting.in_container", lambda: "")
    reached = Successor.reached

    async def reached_and_ended(self: Successor, state: State) -> None:
        await reached(self, state)
        if state == "serves":
            ended = os.WEXITED | os.WNOWAIT
            await asyncio.to_thread(os.waitid, os.P_PID, self.pid, ended)

    monkeypatch.setattr(Successor, "reached", reached_and_ended)
    left: list[str] = []
    folder, listeners = DataFolder(tmp_path), Listeners(config(free_port()))
    restarting = Restarting(tmp_path, in_turn=False)
    await restarting.listen()
    bequest = listeners.handed_over(str(tmp_path), folder.fileno())
    restarting.serve(bequest, partial(left.append, "left"), partial(left.append, "released"))
    for _ in range(2):  # it still takes requests
        answer = await asyncio.to_thread(ask, tmp_path, "ada")
        assert answer == Restarted(os.getpid(), why="it ended as soon as it served")
    assert left == []
    asyncio.get_running_loop().remove_signal_handler(signal.SIGUSR2)
    await restarting.end()
    listeners.close()
    folder.close()


def test_another_port_is_opened_anew_and_the_old_one_closed() -> None:
    before, after = free_port(), free_port()
    old = Listeners(config(before))
    bequest = old.handed_over("/data", -1)
    given = msgspec.structs.replace(bequest, public=((os.dup(bequest.public[0][0]),),))
    new = Listeners(config(after), bequest=given)
    old.close()
    assert [each.getsockname()[1] for each in new.public[0]] == [after]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", before))
    new.close()


def test_the_lock_of_the_data_folder_is_held_in_between(tmp_path: Path) -> None:
    old = DataFolder(tmp_path)
    new = DataFolder(tmp_path, os.dup(old.fileno()))
    old.close()
    with pytest.raises(FolderInUse):
        DataFolder(tmp_path)
    new.close()
    DataFolder(tmp_path).close()


def test_locks_of_another_data_folder_are_not_kept(tmp_path: Path) -> None:
    ours, theirs = socket.socketpair()
    before = [DataFolder(tmp_path / name) for name in ("one", "one/worker-1", "one/worker-2")]
    lock, *locks = [os.dup(each.fileno()) for each in before]
    listeners = Listeners(config(free_port()))
    bequest = listeners.handed_over(str(tmp_path / "one"), lock, locks)
    predecessor = Predecessor(msgspec.structs.replace(bequest, link=theirs.detach()))
    after = predecessor.folder(tmp_path / "two")
    for each in before:
        each.close()
    for each in before:
        DataFolder(each.path).close()
    after.close()
    predecessor.close()
    listeners.close()
    ours.close()


def test_a_script_is_started_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "chatserver"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    arguments = ["serve", "-c", "production"]
    monkeypatch.setattr(sys, "argv", [str(script), *arguments])
    monkeypatch.setattr(sys, "orig_argv", ["/old/python", "-P", str(script), *arguments])
    assert own_command() == [str(script), *arguments]
    script.chmod(0o644)
    assert own_command() == [sys.executable, "-P", str(script), *arguments]


def test_a_module_is_started_by_its_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/lib/chatserver/__main__.py", "serve"])
    monkeypatch.setattr(sys, "orig_argv", ["python", "-m", "chatserver", "serve"])
    assert own_command() == [sys.executable, "-m", "chatserver", "serve"]
