"""`chatserver user` beside a server that runs on the same data folder."""

import asyncio
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from chatserver.errors import StartupError
from tests.forking import ran
from tests.protocol.running import Running
from tests.servers import Mongod

PASSWORD = "another long password"


async def user(data: Path, *arguments: str, uri: str = "") -> tuple[int, str]:
    """The exit status and what was said."""
    settings = [f"server.data={data}"]
    settings += [f"plugin.mongo.uri={uri}"] if uri else ["plugins.enabled=memory,password"]
    options = [f"--set={setting}" for setting in settings]
    command = partial(ran, "user", *arguments, *options, cwd=data.parent, input=PASSWORD)
    done = await asyncio.to_thread(command)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def mongod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongod]:
    mongod = Mongod(tmp_path_factory.mktemp("mongod"))
    mongod.start()
    yield mongod
    mongod.stop()


async def test_accounts_change_while_the_server_runs_on_a_database_of_its_own(
    tmp_path: Path, mongod: Mongod
) -> None:
    data, uri = tmp_path / "data", mongod.uri
    settings = {"plugins.enabled": ["mongo", "password"], "plugin.mongo.uri": uri}
    with Running(data, settings) as server:
        _, anna = await server.people("owner", "anna")
        assert (await user(data, "add", "bot", "--password-file", "-", uri=uri))[0] == 0
        login = {"username": "bot", "password": PASSWORD}
        assert (await server.http("POST", "/api/v1/login", login)).status_code == 200
        async with anna.connect() as client:
            assert (await user(data, "role", anna.username, "guest", uri=uri))[0] == 0
            async with asyncio.timeout(60):
                while "error" not in await client.ask("create", name="mine"):
                    await asyncio.sleep(0.1)
            arguments = ("passwd", anna.username, "--password-file", "-")
            assert (await user(data, *arguments, uri=uri))[0] == 0
            assert await client.closed() == 4451
        assert not server.take_errors()


async def test_commands_end_connections_and_are_in_the_servers_audit_log(
    tmp_path: Path, mongod: Mongod
) -> None:
    data, uri = tmp_path / "data", f"{mongod.uri}&appName=audit"
    settings = {
        "plugins.enabled": ["mongo", "password", "audit"],
        "plugin.mongo.uri": uri,
        "plugin.mongo.database": "audit",
    }
    more = ("--set=plugin.mongo.database=audit", "--set=plugins.enabled=mongo,password,audit")
    with Running(data, settings) as server:
        owner, anna, ben = await server.people("owner", "anna", "ben")
        for person, command in (
            (anna, ("lock", anna.username)),
            (ben, ("delete", ben.username, "--yes")),
        ):
            async with person.connect() as client:
                assert (await user(data, *command, *more, uri=uri))[0] == 0
                assert await client.closed() in (4451, 4452)
        status, said = await user(data, "role", owner.username, "guest", *more, uri=uri)
        assert (status, "Make somebody else an owner first" in said) == (1, True)
        assert (await user(data, "unlock", anna.username, *more, uri=uri))[0] == 0
        wrong = {"username": anna.username, "password": "wrong"}
        assert (await server.http("POST", "/api/v1/login", wrong)).status_code == 401
        assert not server.take_errors()
    written = (data / "audit" / "audit.log").read_text()
    entries = [json.loads(line) for line in written.splitlines()]
    people = [person.user["id"] for person in (owner, anna, ben)]
    kept = [(entry["kind"], people.index(entry["user"])) for entry in entries]
    assert sorted(kept) == [
        *(("account.added", number) for number in range(3)),
        ("account.deleted", 2),
        ("account.locked", 1),
        ("account.unlocked", 1),
        *(("login", number) for number in (0, 1, 1, 2)),
    ]
    told = [entry for entry in entries if entry["kind"] != "account.added"]
    assert all(entry.get("operator") or entry.get("address") for entry in told)
    for secret in (PASSWORD, anna.token, ben.token, "wrong password"):
        assert secret not in written


async def test_a_data_folder_that_holds_the_data_belongs_to_one_process(tmp_path: Path) -> None:
    with Running(tmp_path / "data"):
        status, said = await user(tmp_path / "data", "list")
    assert status == 1
    assert "is in use by another server" in said


async def test_a_second_server_on_a_data_folder_is_refused_whatever_the_store(
    tmp_path: Path, mongod: Mongod
) -> None:
    settings = {"plugins.enabled": ["mongo", "password"], "plugin.mongo.uri": mongod.uri}
    with (
        Running(tmp_path / "data", settings),
        pytest.raises(StartupError, match="in use by another server"),
        Running(tmp_path / "data", settings),
    ):
        pass
