"""The program that makes the replica set in Kubernetes, on real members that know nobody but their key file."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymongo
import pytest
from pymongo.errors import OperationFailure

from chatserver_plugins.mongo import mongod
from tests import tools
from tests.operation.manifests import KUBERNETES
from tests.servers import free_port, mongod_program

PROGRAM = KUBERNETES / "components/mongodb/replica_set.py"
SECONDS = 300


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    tools.need_tool("openssl")
    made = tmp_path / "secrets"
    subprocess.run(
        [str(KUBERNETES / "make-secrets"), str(made), "3"], check=True, capture_output=True
    )
    return made / "chatserver-mongodb"


@pytest.fixture
def members(secrets: Path, tmp_path: Path) -> Iterator[list[str]]:
    """The addresses of three mongods with the options of the manifest that concern who may do what."""
    (secrets / "keyfile").chmod(0o400)
    ports = [free_port() for _ in range(3)]
    processes = []
    for port in ports:
        (tmp_path / str(port)).mkdir()
        command = [
            mongod_program(),
            *("--replSet", "rs0", "--keyFile", str(secrets / "keyfile")),
            *("--dbpath", str(tmp_path / str(port)), "--port", str(port)),
            *("--bind_ip", "127.0.0.1", "--nounixsocket", "--wiredTigerCacheSizeGB", "0.25"),
            *("--logpath", str(tmp_path / f"{port}.log")),
        ]
        processes.append(mongod.spawn(command))
    yield [f"127.0.0.1:{port}" for port in ports]
    for process in processes:
        process.kill()
        process.wait()


def make(members: list[str], secrets: Path) -> subprocess.CompletedProcess[str]:
    given = {"MEMBERS": ",".join(members), "SECRETS": str(secrets)}
    return subprocess.run(
        [sys.executable, str(PROGRAM)],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        env=os.environ | given,
    )


def client(members: list[str], user: str, password: str, database: str) -> Any:
    return pymongo.MongoClient(
        members, replicaSet="rs0", username=user, password=password, authSource=database
    )


def test_it_is_made_repeated_and_grown(members: list[str], secrets: Path) -> None:
    password = (secrets / "password").read_text().strip()
    one = members[:1]
    for _ in range(2):
        done = make(one, secrets)
        assert done.returncode == 0, done.stderr
        assert password not in done.stdout + done.stderr
    with client(one, "chatserver", password, "chatserver") as server:
        server.chatserver.rooms.insert_one({"_id": "r1"})
        with pytest.raises(OperationFailure, match="not authorized"):
            server.other.rooms.insert_one({"_id": "r1"})

    done = make(members, secrets)
    assert done.returncode == 0, done.stderr
    with client(members, "root", (secrets / "root_password").read_text().strip(), "admin") as root:
        config = root.admin.command("replSetGetConfig")["config"]
        assert [member["host"] for member in config["members"]] == members
        # Each member has it, so one may be lost.
        majority = pymongo.WriteConcern(w=3, wtimeout=SECONDS * 1000)
        root.chatserver.get_collection("rooms", write_concern=majority).insert_one({"_id": "r2"})


def test_a_new_password_is_set(members: list[str], secrets: Path) -> None:
    one = members[:1]
    assert make(one, secrets).returncode == 0
    old = (secrets / "password").read_text().strip()
    (secrets / "password").write_text("new-password\n")
    assert make(one, secrets).returncode == 0
    with client(one, "chatserver", "new-password", "chatserver") as server:
        server.chatserver.rooms.insert_one({"_id": "r1"})
    with client(one, "chatserver", old, "chatserver") as server, pytest.raises(OperationFailure):
        server.chatserver.rooms.find_one()


def test_another_key_file_is_refused_at_once(
    members: list[str], secrets: Path, tmp_path: Path
) -> None:
    assert make(members[:1], secrets).returncode == 0  # it listens
    other = tmp_path / "other"
    other.mkdir()
    for file in secrets.iterdir():
        (other / file.name).write_text(file.read_text())
    (other / "keyfile").write_text("b3RoZXI=" * 16)
    done = make(members[:1], other)
    assert done.returncode != 0
    assert "Authentication failed" in done.stderr
