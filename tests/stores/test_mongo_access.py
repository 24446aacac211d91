"""The private mongod lets nobody in without the password, also one whose data is from before there was any."""

# ruff: noqa: ASYNC240

import os
import stat
from pathlib import Path
from typing import Any

import pymongo
import pytest
from pymongo.errors import OperationFailure

from chatserver.testing.samples import posted
from chatserver_plugins.mongo import mongod
from tests.servers import free_port, mongod_program
from tests.stores.test_mongo_private import before, folder, make, note_pid

__all__ = ["folder"]

UNAUTHORIZED = 13
pytestmark = pytest.mark.long


def direct(port: int, within: str = "") -> "pymongo.MongoClient[dict[str, Any]]":
    return pymongo.MongoClient(f"mongodb://{within}127.0.0.1:{port}/?directConnection=true")


def noted_port(folder: Path) -> int:
    return int((folder / "mongod.pid").read_text().split()[1])


async def test_nobody_gets_in_without_the_password(io_loop: Any, folder: Path) -> None:
    store = make(folder)
    await store.open()
    try:
        with direct(noted_port(folder)) as stranger:
            for command in (
                {"find": "events"},
                {"createUser": "me", "pwd": "x", "roles": ["root"]},
            ):
                with pytest.raises(OperationFailure) as refused:
                    stranger["admin"].command(command)
                assert refused.value.code == UNAUTHORIZED
        guessing = direct(noted_port(folder), "chatserver:guess@")
        with guessing, pytest.raises(OperationFailure, match="Authentication failed"):
            guessing["chatserver"].command({"find": "events"})
    finally:
        await store.close()


async def test_the_address_for_the_operator_lets_in(io_loop: Any, folder: Path) -> None:
    store = make(folder)
    await store.open()
    try:
        await store.append([posted("r", 1)])
        with pymongo.MongoClient((folder / "uri").read_text().strip()) as operator:
            assert operator["chatserver"]["events"].count_documents({"room": "r"}) == 1
    finally:
        await store.close()


async def test_only_the_owner_can_read_the_credentials(io_loop: Any, folder: Path) -> None:
    folder.mkdir()
    (folder / "keyfile").write_text("a" * 64 + "\n")
    (folder / "keyfile").chmod(0o644)  # as after a copy by hand
    store = make(folder)
    await store.open()
    await store.close()
    for name in ("keyfile", "password", "uri"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600, name
    password = (folder / "password").read_text().strip()
    log = (folder / "mongod.log").read_text()
    assert len(password) == 64 and password not in log and "a" * 64 not in log


async def test_nobody_can_make_the_first_account(io_loop: Any, folder: Path) -> None:
    """Not even from this machine, where a new mongod would accept it."""
    note_pid(folder, 0)
    (folder / "keyfile").touch(0o600)
    (folder / "keyfile").write_text("a" * 64)
    port = free_port()
    process = mongod.spawn(mongod.arguments(mongod_program(), folder, port, folder / "keyfile"))
    try:
        with direct(port) as stranger, pytest.raises(OperationFailure) as refused:
            stranger["admin"].command({"replSetInitiate": {"_id": mongod.REPLICA_SET}})
        assert refused.value.code == UNAUTHORIZED
    finally:
        process.terminate()
        process.wait()


async def test_data_from_before_there_were_accounts_gets_one(io_loop: Any, folder: Path) -> None:
    note_pid(folder, 0)
    port = free_port()
    process = mongod.spawn(before(folder, port))
    try:
        with direct(port) as client:
            members = [{"_id": 0, "host": f"127.0.0.1:{port}"}]
            client["admin"].command(
                {"replSetInitiate": {"_id": mongod.REPLICA_SET, "members": members}}
            )
        old = make(folder, uri=f"mongodb://127.0.0.1:{port}/?replicaSet={mongod.REPLICA_SET}")
        await old.open()
        await old.append([posted("r", 1)])
        await old.close()
        # It still runs, as one that a killed server left; and it has another port than it will get.
        (folder / "mongod.pid").write_text(f"{process.pid} 0\n")
        store = make(folder)
        await store.open()
        try:
            assert process.poll() is not None
            assert await store.read("r", 0, 10) == [posted("r", 1)]
            with direct(noted_port(folder)) as stranger, pytest.raises(OperationFailure):
                stranger["chatserver"].command({"find": "events"})
        finally:
            await store.close()
    finally:
        process.kill()
        process.wait()


async def test_a_new_password_is_taken_over(io_loop: Any, folder: Path) -> None:
    """For a password file from a copy, with another database."""
    first = make(folder)
    await first.open()
    await first.append([posted("r", 1)])
    await first.close()
    (folder / "password").write_text("f" * 64 + "\n")
    second = make(folder)
    await second.open()
    assert await second.heads(["r"]) == {"r": 1}
    await second.close()


def program(path: Path, version: str, otherwise: str) -> Path:
    """A stand-in for a mongod of some version."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        f'#!/bin/sh\n[ "$1" = --version ] && echo "db version v{version}" && exit\n{otherwise}\n'
    )
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("version", "chosen"), [("7.0.35", "path"), ("6.0.5", "path"), ("5.0.31", "extra")]
)
def test_the_newest_program_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, chosen: str
) -> None:
    on_path = program(tmp_path / "path/mongod", version, "exit 1")
    extra = program(tmp_path / "extra/mongod", "6.0.5", "exit 1")
    monkeypatch.setenv("PATH", f"{on_path.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(mongod, "packaged", lambda: str(extra))
    assert mongod.find("") == str({"path": on_path, "extra": extra}[chosen])


async def test_a_program_that_does_not_take_the_data_gives_way_to_the_next(
    io_loop: Any, folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """MongoDB takes data of its own major version and of the one before."""
    real = mongod_program()
    first = make(folder)
    await first.open()
    await first.append([posted("r", 1)])
    await first.close()
    too_new = program(tmp_path / "path/mongod", "9.0.0", f"exit {mongod.NEEDS_ANOTHER_VERSION}")
    monkeypatch.setenv("PATH", f"{too_new.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(mongod, "packaged", lambda: real)
    second = make(folder)
    await second.open()
    assert await second.heads(["r"]) == {"r": 1}
    await second.close()
