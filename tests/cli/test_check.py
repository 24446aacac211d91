"""`chatserver check` against what `serve` does: each of these has one thing broken, or nothing."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest
import trustme

from tests.forking import ran

pytestmark = pytest.mark.long

PLAIN = {
    "server.port": "0",
    "server.drain_seconds": "0",
    "logging.folder": "",
    "plugins.enabled": "sqlite,password",
    "plugins.folder": "local",
    "plugin.password.memory_kib": "8",
    "plugin.password.passes": "1",
}


class Broken(NamedTuple):
    """Settings to override, the texts that must be reported, and whether that takes --connect."""

    settings: dict[str, str]
    named: str
    connect: bool = False


CASES = {
    "no certificate": Broken(
        {"server.tls_certificate": "none.pem", "server.tls_key": "a.key"},
        "server.tls_certificate: none.pem: No such file",
    ),
    "a key of another certificate": Broken(
        {"server.tls_certificate": "a.pem", "server.tls_key": "b.key"},
        "server.tls_key: b.key is not the key of the certificate in a.pem",
    ),
    "a certificate that is none": Broken(
        {"server.tls_certificate": "junk", "server.tls_key": "a.key"},
        "server.tls_certificate: junk: no certificate",
    ),
    "a page that is none": Broken({"server.static": "local"}, "server.static"),
    "a key of backups that is none": Broken(
        {"backup.every_hours": "24", "backup.key": "abc"}, "backup.key: expected 32 random bytes"
    ),
    "no file with the key": Broken(
        {"backup.every_hours": "24", "backup.key_file": "none"}, "backup.key_file: none"
    ),
    "an address of the server for GraphQL": Broken(
        {"plugins.enabled": "sqlite,password,graphql", "plugin.graphql.path": "/ws"}, "/ws"
    ),
    "a schema that is none": Broken(
        {"plugins.enabled": "sqlite,password,graphql,badpart"}, "GraphQL part badpart"
    ),
    "a missing extra": Broken({"plugins.enabled": "sqlite,password,noextra"}, "nosuchmodule"),
    "no such plugin": Broken({"plugins.enabled": "sqlite,password,none"}, "no plugin 'none'"),
    "no store": Broken({"plugins.enabled": "password"}, "store"),
    "no program for the database": Broken(
        {"plugins.enabled": "mongo,password", "plugin.mongo.mongod": "/no/mongod"},
        "plugin.mongo.mongod: /no/mongod",
        connect=True,
    ),
    "no address of the database": Broken(
        {"plugins.enabled": "mongo,password", "plugin.mongo.embedded": "false"},
        "CHATSERVER_PLUGIN__MONGO__URI",
    ),
    "nobody at the address": Broken(
        {
            "plugins.enabled": "mongo,password",
            "plugin.mongo.uri": "mongodb://127.0.0.1:9/",
            "plugin.mongo.timeout_ms": "300",
            "plugin.mongo.start_seconds": "0",
        },
        "plugin.mongo.uri",
        connect=True,
    ),
    "a file of something else": Broken({"plugin.sqlite.path": "junk"}, "junk", connect=True),
    "data of a newer server": Broken({"plugin.sqlite.path": "newer.db"}, "newer.db", connect=True),
    "data that is a file": Broken({"server.data": "junk"}, "server.data", connect=True),
    "data of another store": Broken({"server.data": "other"}, "server.data", connect=True),
    "logs in a file": Broken({"logging.folder": "junk"}, "logging.folder", connect=True),
    "a host of somebody else": Broken({"server.host": "192.0.2.1"}, "server.host", connect=True),
    "a plugin that does not start": Broken(
        {"plugins.enabled": "sqlite,password,nostart"}, "plugin nostart: startup", connect=True
    ),
}
PLUGINS = {
    "badpart": """
import chatserver
class Plugin:
    def __init__(self, config): pass
    @chatserver.hookimpl
    def register_graphql(self):
        return [chatserver.GraphQLPart(name="badpart", sdl="type Oops {", resolvers={})]
""",
    "noextra": """
import chatserver
class Plugin:
    def __init__(self, config): pass
    @chatserver.hookimpl
    def provide_bus(self):
        import nosuchmodule
""",
    "nostart": """
import chatserver
class Plugin:
    def __init__(self, config): pass
    @chatserver.hookimpl
    async def startup(self, context):
        raise RuntimeError("no")
""",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("check")
    authority = trustme.CA()
    for name in ("a", "b"):
        made = authority.issue_cert(f"{name}.example")
        made.cert_chain_pems[0].write_to_path(str(folder / f"{name}.pem"))
        made.private_key_pem.write_to_path(str(folder / f"{name}.key"))
    (folder / "junk").write_text("junk, and nothing else, of some length" * 100)
    (folder / "local").mkdir()
    for name, text in PLUGINS.items():
        (folder / "local" / f"{name}.py").write_text(text)
    (folder / "other").mkdir()
    (folder / "other/.store").write_text("mongo\n")
    with closing(sqlite3.connect(folder / "newer.db")) as file:
        file.execute(f"PRAGMA application_id = {0x63686174}")
        file.execute("PRAGMA user_version = 1000")
    yield folder


def chatserver(
    folder: Path, command: str, settings: dict[str, str], *options: str
) -> "subprocess.CompletedProcess[str]":
    given = [f"--set={key}={value}" for key, value in (PLAIN | settings).items()]
    env = {name: text for name, text in os.environ.items() if name != "MAKELEVEL"}
    return ran(command, *options, *given, cwd=folder, env=env)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_each_mistake_is_named_by_check_and_by_serve(
    folder: Path, case: Broken, tmp_path: Path
) -> None:
    settings = {"server.data": str(tmp_path / "data"), **case.settings}
    options = ["--connect"] if case.connect else []
    checked = chatserver(folder, "check", settings, *options)
    assert not (tmp_path / "data").exists() or case.connect
    assert not (tmp_path / "data/sqlite").exists()
    served = chatserver(folder, "serve", settings)
    assert (checked.returncode, served.returncode) == (1, 1), checked.stderr + served.stderr
    assert case.named in checked.stderr
    assert case.named in served.stderr
    assert "Traceback" not in checked.stderr + served.stderr


def test_a_port_of_another_program_is_named(folder: Path, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = {
            "server.port": str(taken.getsockname()[1]),
            "server.data": str(tmp_path / "data"),
        }
        checked = chatserver(folder, "check", settings, "--connect")
        served = chatserver(folder, "serve", settings)
    assert (checked.returncode, served.returncode) == (1, 1)
    assert "server.port: cannot listen" in checked.stderr


FINE = {
    "sqlite": {},
    "memory": {"plugins.enabled": "memory,password,metrics,graphql,browser,audit"},
    "TLS and backups": {
        "server.tls_certificate": "a.pem",
        "server.tls_key": "a.key",
        "backup.every_hours": "24",
        "backup.key": "00" * 32,
    },
    "mongo of its own": {"plugins.enabled": "mongo,password"},
}


@pytest.mark.parametrize("settings", FINE.values(), ids=FINE)
def test_a_configuration_that_passes_starts_and_passes_beside_the_server(
    folder: Path, tmp_path: Path, settings: dict[str, str]
) -> None:
    settings = {"server.data": str(tmp_path / "data"), **settings}
    checked = chatserver(folder, "check", settings, "--connect")
    assert checked.returncode == 0, checked.stderr
    for store in ("sqlite", "mongo"):
        assert not (tmp_path / "data" / store).exists()
    given = [f"--set={key}={value}" for key, value in (PLAIN | settings).items()]
    with subprocess.Popen(
        [sys.executable, "-m", "chatserver", "serve", *given],
        cwd=folder,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stderr is not None
        said = []
        for line in server.stderr:
            said.append(line)
            if " serves http" in line:
                beside = chatserver(folder, "check", settings, "--connect", "--json")
                server.send_signal(signal.SIGTERM)
    assert server.returncode == 0, "".join(said)
    for_trial = any("the store is for trying out" in line for line in said)
    assert for_trial is not settings.get("plugins.enabled", "sqlite").startswith("sqlite")
    assert beside.returncode == 0, beside.stderr
    assert json.loads(beside.stdout)["problems"] == []
    again = chatserver(folder, "check", settings, "--connect")
    assert again.returncode == 0, again.stderr
