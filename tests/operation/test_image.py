"""The server's image, built and run by the tools it is for."""

import asyncio
import json
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tests import servers, tools
from tests.operation import images
from tests.operation.conversation import Conversation
from tests.operation.images import CONFINED, Container, Engine

MONGOD = "localhost/mongod:test"
DATA = "/var/lib/chatserver"
ADDRESS = "mongodb://127.0.0.1/chatserver?replicaSet=rs0"

INITIATE = """
import pymongo, time
client = pymongo.MongoClient("mongodb://127.0.0.1/?directConnection=true")
client.admin.command("replSetInitiate", {"_id": "rs0", "members": [{"_id": 0, "host": "127.0.0.1"}]})
while not client.admin.command("hello")["isWritablePrimary"]:
    time.sleep(0.1)
"""

# Prints what Python and dpkg know to be installed, one "name version" a line.
LIST_PACKAGES = """
import importlib.metadata, subprocess
for each in importlib.metadata.distributions():
    print(each.metadata["Name"].lower().replace("_", "-").replace(".", "-"), each.version)
print(subprocess.check_output(["dpkg-query", "-W", "-f", "${Package} ${Version}\\n"], text=True), end="")
"""

# Prints the requirements of the extras that plugins need, and fails if a plugin cannot be loaded.
LOAD_PLUGINS = """
import importlib, importlib.metadata, pkgutil
import chatserver_plugins
for plugin in importlib.metadata.entry_points(group="chatserver.plugins"):
    plugin.load()
for module in pkgutil.walk_packages(chatserver_plugins.__path__, "chatserver_plugins."):
    importlib.import_module(module.name)
for module in ("asyncpg", "redis.asyncio", "nats", "aiokafka", "cryptography", "opentelemetry.distro",
               "graphene_django_graphiql_static", "webauthn", "uvloop", "tornado.speedups"):
    importlib.import_module(module)
print("all loaded")
"""

# Prints the programs and modules that were found.
FIND_TOOLS = """
import importlib.util, shutil
programs = "pip pip3 cc gcc c++ clang make as ld git curl wget nc"
found = [name for name in programs.split() if shutil.which(name)]
print(found + [name for name in ("pip", "ensurepip", "setuptools") if importlib.util.find_spec(name)])
"""

# Tries to make a file in every folder, and prints those where it could.
TRY_TO_WRITE = """
import os
for folder, folders, files in os.walk("/"):
    folders[:] = [name for name in folders if os.path.join(folder, name) not in ("/proc", "/sys")]
    try:
        open(os.path.join(folder, "written"), "w").close()
    except OSError:
        pass
    else:
        print(folder)
"""


@pytest.fixture(scope="module")
def database(engine: Engine, server_image: str) -> Iterator[Container]:
    """A replica set of one member on the loopback of its container; port 4000 there is for the server."""
    engine.add_programs(MONGOD, {"/usr/bin/mongod": servers.mongod_program()})
    published = f"127.0.0.1:{servers.free_port()}:4000"
    command = ("mongod", "--replSet", "rs0", "--bind_ip", "127.0.0.1", "--dbpath", "/tmp")
    with engine.container(MONGOD, *command, options=("--publish", published)) as container:
        client = ("--network", f"container:{container.name}", "--entrypoint", "python")
        engine.podman("run", "--rm", *client, server_image, "-c", INITIATE)
        yield container


@pytest.fixture
def server(engine: Engine, server_image: str, database: Container) -> Iterator[Container]:
    """The server as it is shipped, beside the database, with a volume of its own."""
    name = uuid.uuid4().hex
    options = [
        *("--network", f"container:{database.name}", *CONFINED, "--volume", f"{name}:{DATA}"),
        *("--env", f"CHATSERVER_PLUGIN__MONGO__URI={ADDRESS}"),
        *("--env", f"CHATSERVER_PLUGIN__MONGO__DATABASE={name}"),
        *("--env", "CHATSERVER_SERVER__REGISTRATION=open"),
    ]
    with engine.container(server_image, options=options) as container:
        yield container


def url(database: Container) -> str:
    """The address on this machine of the server beside the database."""
    shown = database.engine.podman("port", database.name, "4000")
    return f"http://{shown.stdout.strip()}"


def python(engine: Engine, image: str, program: str, *options: str) -> str:
    """The output of a Python program in a fresh container of the image."""
    run = ("run", "--rm", "--network", "none", *CONFINED, *options, "--entrypoint", "python")
    return engine.podman(*run, image, "-c", program).stdout


async def test_people_talk_through_it_and_it_drains(server: Container, database: Container) -> None:
    images.wait_until_healthy(server)
    page = await asyncio.to_thread(httpx.get, f"{url(database)}/")
    assert "<script" in page.text
    async with Conversation([url(database)] * 2) as people:
        people.speak(20)
        await people.settle()
        assert people.findings() == []
        server.kill("TERM")
        people.speak(1)  # accepted still, or kept for the next node
        assert await asyncio.to_thread(server.wait) == 0
        assert not any(client.is_live.is_set() for client in people.clients)
        assert {complaint for client in people.clients for complaint in client.complaints} <= {
            "server.draining"
        }
    assert '"level":"error"' not in server.logs().lower().replace(" ", "")


def test_it_gets_unhealthy_when_the_server_does_not_answer(server: Container) -> None:
    images.wait_until_healthy(server)
    server.kill("STOP")
    assert not server.is_healthy()
    server.kill("CONT")
    images.wait_until_healthy(server)


def test_the_server_keeps_its_folders_in_the_volume_alone(server: Container) -> None:
    images.wait_until_healthy(server)
    # The engine itself gives each container these two, in memory.
    folders = server.execute("python", "-c", TRY_TO_WRITE).stdout.split()
    outside = [each for each in folders if not each.startswith((DATA, "/dev/shm", "/dev/mqueue"))]
    assert DATA in folders
    assert set(outside) <= {"/tmp", "/var/tmp", "/run", "/run/lock"}, "in memory, by --read-only"
    assert server.execute("python", "-c", "import os; print(os.getuid())").stdout == "10001\n"
    status = server.execute("python", "-c", "print(open('/proc/1/status').read())").stdout
    assert re.search(r"^CapBnd:\s+0+$", status, re.M) and re.search(
        r"^NoNewPrivs:\s+1$", status, re.M
    )


@pytest.mark.parametrize(
    ("variable", "message"),
    [
        (
            "CHATSERVER_SERVER__DRAIN_SECONDS=soon",
            "CHATSERVER_SERVER__DRAIN_SECONDS: expected a number",
        ),
        ("CHATSERVER_SERVER__COLOUR=red", "CHATSERVER_SERVER__COLOUR: unknown key"),
        ("CHATSERVER_PLUGIN__MONGO__URI_FILE=/run/secrets/none", "/run/secrets/none: No such file"),
        ("CHATSERVER_LOGGING__FOLDER=/logs", "/logs"),
        ("NOTHING=1", "plugin.mongo.uri"),
    ],
)
def test_wrong_settings_are_refused_by_name(
    engine: Engine, server_image: str, variable: str, message: str
) -> None:
    options = (
        "--network",
        "none",
        *CONFINED,
        "--env",
        variable,
        "--volume",
        f"{uuid.uuid4().hex}:{DATA}",
    )
    done = engine.podman("run", "--rm", *options, server_image, check=False)
    assert done.returncode == 1
    assert message in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_every_shipped_plugin_finds_what_it_imports(engine: Engine, server_image: str) -> None:
    assert python(engine, server_image, LOAD_PLUGINS) == "all loaded\n"


def test_an_intruder_finds_no_tools(engine: Engine, server_image: str) -> None:
    """No compiler, no pip or the means to get one, no downloads, no way to another user's rights."""
    assert python(engine, server_image, FIND_TOOLS) == "[]\n"
    find = (
        "find / -xdev -perm /6000; find / -xdev \\( -name 'pip*.whl' -o -path '*-packages/pip' \\)"
    )
    shell = ("--user", "0", "--entrypoint", "sh", server_image, "-c", find)
    assert engine.podman("run", "--rm", "--network", "none", *shell).stdout == ""


def test_a_start_writes_no_bytecode_and_needs_none(engine: Engine, server_image: str) -> None:
    program = """
import chatserver.cli, importlib.util, pathlib, struct
sources = sorted(pathlib.Path(chatserver.cli.__file__).parents[1].rglob("*.py"))
for source in sources:
    cached = pathlib.Path(importlib.util.cache_from_source(source))
    # PEP 552: the second word is 1 for bytecode that is found by hash and not compared with its source.
    assert struct.unpack("<I", cached.read_bytes()[4:8]) == (1,), cached
print(len(sources) > 100)
"""
    assert python(engine, server_image, program) == "True\n"


def test_two_builds_are_equal(engine: Engine, server_image: str) -> None:
    again = "localhost/chatserver:again"
    images.build_server(engine, again)
    first, second, base = (layers(engine, name) for name in (server_image, again, images.BASE))
    assert first == second
    assert first[: len(base)] == base and len(first) > len(base)


def layers(engine: Engine, image: str) -> list[str]:
    """The digests of an image's layers, of what is in them."""
    found: list[str] = inspected(engine, image)["RootFS"]["Layers"]
    return found


def inspected(engine: Engine, image: str) -> dict[str, Any]:
    [found] = json.loads(engine.podman("image", "inspect", image).stdout)
    assert isinstance(found, dict)
    return found


def test_its_labels_say_what_it_is(engine: Engine, server_image: str) -> None:
    known = {
        name.removeprefix("org.opencontainers.image."): value
        for name, value in inspected(engine, server_image)["Labels"].items()
    }
    version = python(engine, server_image, "import chatserver.version as v; print(v.__version__)")
    assert known["title"] == "chatserver" and known["licenses"] == "MIT"
    assert known["version"] == version.strip()
    assert re.fullmatch(r"[0-9a-f]{40}(-dirty)?", known["revision"])
    committed = subprocess.run(
        ["git", "log", "-1", "--format=%cd", "--date=format-local:%Y-%m-%dT%H:%M:%SZ"],
        check=True,
        capture_output=True,
        text=True,
        cwd=tools.ROOT,
        env={"TZ": "UTC", "PATH": "/usr/bin:/bin"},
    )
    assert known["created"] == committed.stdout.strip()


def test_the_sbom_lists_what_the_image_holds(engine: Engine, server_image: str) -> None:
    command = [sys.executable, str(tools.ROOT / "deploy/image/sbom.py"), server_image]
    written = subprocess.run(
        command,
        check=True,
        capture_output=True,
        text=True,
        env=engine.environment | {"ENGINE": "podman"},
    ).stdout
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(written) is None
    document = json.loads(written)
    parts = [*document["components"], document["metadata"]["component"]]
    listed = sorted(f"{part['name']} {part['version']}" for part in parts)
    assert listed == sorted(python(engine, server_image, LIST_PACKAGES).splitlines())
    refs = {part["bom-ref"] for part in parts}
    for entry in document["dependencies"]:
        assert refs >= {entry["ref"], *entry["dependsOn"]}
