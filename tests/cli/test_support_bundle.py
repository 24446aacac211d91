"""`chatserver support-bundle`: what is planted everywhere is nowhere in it, and what helps is."""

import base64
import gzip
import json
import os
import secrets
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from chatserver.bundle.logs import allowed
from chatserver.bundle.metrics import metrics
from chatserver.bundle.pseudonyms import Pseudonyms, shipped_plugins
from chatserver.bundle.templates import UNKNOWN, task_name, template
from chatserver.cli.shapes import BundleMade
from chatserver_plugins.sqlite import SqliteStore
from tests.faults.server import ChatServer
from tests.forking import ran
from tests.servers import free_port


class Plants:
    """Recognizable words, to be planted where secrets and texts are."""

    def __init__(self) -> None:
        self.planted: dict[str, str] = {}

    def __call__(self, place: str) -> str:
        """A new word for this place, of letters and digits that are allowed in names."""
        return self.planted.setdefault(place, f"plant{secrets.token_hex(6)}")

    def found(self, content: bytes) -> set[str]:
        """The places whose word is in the content, as it is or encoded."""
        lower = content.lower()
        return {
            place
            for place, word in self.planted.items()
            if word.encode() in lower
            or any(form in content for form in encoded(word))
            or word.encode().hex().encode() in lower
        }


def encoded(word: str) -> Iterator[bytes]:
    """What base64 makes of a word, at each of three offsets, without the parts that depend on neighbours."""
    for pad in range(3):
        text = base64.b64encode(b"\0" * pad + word.encode())
        yield text[(0, 2, 3)[pad] : -4]
        yield base64.b64encode(b"\0" * pad + word.upper().encode())[(0, 2, 3)[pad] : -4]


@pytest.mark.parametrize("pad", [b"", b"x", b"xy", b"xyz"])
def test_a_planted_word_would_be_found(pad: bytes) -> None:
    plant = Plants()
    word = plant("somewhere").encode()
    for content in (pad + word, pad + word.upper(), word.hex().encode()):
        assert plant.found(content) == {"somewhere"}
    assert plant.found(base64.b64encode(pad + word + b"more")) == {"somewhere"}
    assert plant.found(b"nothing") == set()


PLUGIN = """
import chatserver
from loguru import logger

class Plugin:
    def __init__(self, config): pass

    @chatserver.hookimpl
    def register_jobs(self, context):
        return [chatserver.Job(name="JOB", every=3600.0, run=self.work)]

    async def work(self):
        logger.error("the plugin says WORDS to nobody")
        raise RuntimeError("ERROR")
"""


class Installation:
    """A server with something planted in all that it keeps and writes."""

    def __init__(self, folder: Path, plant: Plants) -> None:
        self.plant = plant
        top = folder / plant("a folder")
        local = top / plant("the folder of plugins")
        local.mkdir(parents=True)
        text = PLUGIN.replace("JOB", plant("a job")).replace("WORDS", plant("a log line"))
        name = plant("a local plugin")
        (local / f"{name}.py").write_text(text.replace("ERROR", plant("an error")))
        hook = plant("a webhook")
        self.environment = {
            "CHATSERVER_PLUGIN__WEBHOOKS__OUTGOING__" + hook.upper() + "__SECRET": plant("a secret")
            * 2,
            plant("a variable").upper(): plant("the value of a variable"),
            "CHATSERVER_SERVER__NAME": plant("the server"),
        }
        self.server = ChatServer(
            top,
            store="sqlite",
            environment=self.environment,
            plugins__folder=str(local),
            plugins__enabled=f"sqlite,password,metrics,webhooks,graphql,{name}",
            logging__folder=str(top / plant("the folder of logs")),
            server__allowed_hosts="127.0.0.1," + plant("a host") + ".example.org",
            backup__key=secrets.token_hex(16) + plant("a key").encode().hex()[:32],
            backup__folder=str(top / plant("the folder of backups")),
            status__alertmanager=f"http://{plant('a user')}:{plant('a password')}@127.0.0.1:1/",
            **{
                f"plugin__webhooks__outgoing__{hook}__uri": (
                    f"http://127.0.0.1:{free_port()}/{plant('a path')}?token={plant('a token')}"
                )
            },
        )

    def use(self) -> None:
        """Talk, fail, be refused, and log."""
        plant, server = self.plant, self.server
        token = server.register(plant("a user name"))
        plant.planted["a session"] = token.lower()
        room = server.room(token, plant("a room"))
        message = {"body": f"hello {plant('a message')}", "client_id": plant("a client id")}
        server.post(f"/api/v1/rooms/{room}/messages", token, message)
        server.get(f"/{plant('an address')}?q={plant('a query')}", token)
        query = "query " + plant("an operation") + " { me { id } }"
        server.post("/graphql", token, {"query": query})
        plant.planted["a room id"] = room

    def log_badly(self) -> None:
        """What plugins and libraries may write into the log of errors."""
        plant = self.plant
        folder = Path(str(self.server._settings["logging.folder"]))
        name = plant("a field")
        lines: list[dict[str, Any]] = [
            {"level": "error", "message": f"no template {plant('a bad line')}", name: 1},
            {
                "timestamp": "2026-11-27T10:00:00.000Z",
                "level": "error",
                "message": f"lease {plant('a lease')} is taken over from {plant('a node')}, which is silent",
                "logger": plant("a logger"),
                "version": plant("a version"),
                "user": plant("a user id"),
                "address": plant("an ip"),
                "request": plant("a request id"),
                "error": {
                    "type": "RuntimeError",
                    "message": plant("an error's message"),
                    "stack": f'  File "/srv/{plant("a path in a stack")}/chatserver/app.py", line 7, in run\n'
                    f"    raise RuntimeError({plant('a line of source')!r})\n"
                    f'  File "/srv/{plant("a file in a stack")}.py", line 3, in {plant("a function")}\n'
                    f"RuntimeError: {plant('the last line of a stack')}\n",
                },
            },
            {"level": plant("a level"), "message": "x"},
        ]
        with (folder / "error.log").open("a") as file:
            file.write("".join(json.dumps(line) + "\n" for line in lines))
            file.write(plant("a line that is no JSON") + "\n")

    async def spoil(self) -> None:
        """Records that other programs wrote, while the server is down."""
        store = SqliteStore(self.server.folder / "data/sqlite/chat.db", 5000)
        await store.open()
        plant = self.plant
        record = {"node": "x", "version": plant("a node's version"), "roles": [plant("a role")]}
        record |= {
            "address": plant("a node's address"),
            "at": plant("a time"),
            "started": plant("a start"),
        }
        await store.put("node", plant("a node's name"), json.dumps(record).encode())
        await store.put(plant("a space"), "unreadable/" + plant("a key of a record"), b"x")
        await store.close()

    def bundle(self, target: Path) -> BundleMade:
        given = [f"--set={key}={value}" for key, value in self.server._settings.items()]
        data = f"--data={self.server.folder / 'data'}"
        command = ("support-bundle", "--to", target, "--json")
        done = ran(*command, data, *given, env=os.environ | self.environment)
        assert done.returncode == 0, done.stderr
        return msgspec.json.decode(done.stdout, type=BundleMade)


def contents(path: Path) -> dict[str, bytes]:
    """Each file of a bundle, by its name below the folder of the bundle."""
    found = {}
    with tarfile.open(path) as archive:
        for entry in archive:
            file = archive.extractfile(entry)
            assert file is not None
            found[entry.name.partition("/")[2]] = file.read()
    return found


def leaks(path: Path, plant: Plants) -> set[str]:
    """The places whose words are in the bundle, packed or not, its own names included."""
    packed = path.read_bytes()
    return plant.found(packed) | plant.found(gzip.decompress(packed))


async def test_nothing_that_was_planted_is_in_the_bundle(tmp_path: Path) -> None:
    plant = Plants()
    made = Installation(tmp_path, plant)
    with made.server as server:
        made.use()
        server.stop()
        await made.spoil()
        server.start()
        made.log_badly()
        target = tmp_path / "bundle.tar.gz"
        told = made.bundle(target)
    assert len(plant.planted) > 40
    assert leaks(target, plant) == set()
    assert target.stat().st_mode & 0o777 == 0o600
    files = contents(target)
    assert {name: len(text) for name, text in files.items()} == told.files
    # What was planted did get there, and is there under other names.
    status = json.loads(files["status.json"])
    assert len(status["nodes"]) == 2 and status["unreadable"] == 1
    assert {job["job"].partition("-")[0] for job in status["jobs"]} == {
        "expired",
        "password.expired",
        "job",
    }
    (consumer,) = status["consumers"]
    assert consumer["consumer"].startswith("webhooks.consumer-")
    lines = json.loads(files["logs.json"])["error.log"]
    taken = "lease {} is taken over from {}, which is silent"
    (line,) = (each for each in lines if each["message"] == taken)
    assert line["error"]["type"] == "RuntimeError"
    assert line["error"]["stack"] == ["chatserver/app.py:7 run", "(elsewhere)"]
    assert {"job {} failed, {} times in a row", UNKNOWN} <= {each["message"] for each in lines}
    settings = {each["key"]: each for each in json.loads(files["settings.json"])}
    assert settings["server.name"]["value"] is None
    assert settings["server.name"]["source"] == "environment"
    assert settings["server.drain_seconds"]["value"] == 0.2
    (live,) = (name for name in files if name.endswith("metrics.txt") and files[name])
    assert b"chatserver_append_queue" in files[live]
    work = json.loads(files[live.replace("metrics.txt", "work.json")])
    assert work["threads"]["sqlite"] and work["tasks"]["leases"]
    assert "CHATSERVER_SERVER__NAME" in json.loads(files["environment.json"])["set"]
    assert json.loads(files["versions.json"])["packages"]["tornado"]


@pytest.mark.parametrize(
    "broken",
    [
        "--set=server.prot=WORD",
        "--set=plugins.enabled=sqlite,password,WORD",
        "--set=plugin.mongo.uri=mongodb://WORD:WORD@127.0.0.1:9/",
    ],
)
def test_a_bundle_is_made_of_what_there_is(tmp_path: Path, broken: str) -> None:
    """With a configuration that is refused, a plugin that is missing, a store that is away."""
    plant, target = Plants(), tmp_path / "b.tar.gz"
    word = plant("the command line")
    done = ran(
        *("support-bundle", "--to", target),
        *(f"--data={tmp_path / plant('data')}", broken.replace("WORD", word)),
        *("--set=plugin.mongo.timeout_ms=300", "--set=logging.folder="),
    )
    assert done.returncode == 0, done.stderr
    assert leaks(target, plant) == set()
    files = contents(target)
    refused = json.loads(files["bundle.json"])["config_refused"]
    assert refused is ("mongodb" not in broken)
    assert ("status.json" in files) is not refused
    if not refused:
        assert json.loads(files["status.json"])["problems"] == ["store.away"]


def test_a_file_is_never_replaced(tmp_path: Path) -> None:
    target = tmp_path / "there"
    target.write_text("mine")
    given = ("--data", tmp_path / "data", "--set", "plugins.enabled=sqlite,password")
    done = ran("support-bundle", "--to", target, *given)
    assert done.returncode == 1 and "File exists" in done.stderr
    assert target.read_text() == "mine"


def test_values_of_labels_that_people_choose_are_replaced() -> None:
    text = (
        "# HELP chatserver_jobs_total secret\n"
        'chatserver_jobs_total{job="secret one",outcome="ok"} 1\n'
        'http_requests{method="SECRET",route="/hooks/secret",status="200"} 2\n'
        'secret_total{a="b"} 3\n'
        'chatserver_x{outcome="Secret Name"} 4\n'
        "chatserver_y 5 secret\n"
    )
    shown = metrics(text, Pseudonyms(), shipped_plugins())
    assert "secret" not in shown.lower()
    assert (
        len(shown.splitlines()) == 3 and 'outcome="ok"} 1' in shown and 'status="200"} 2' in shown
    )


def test_messages_are_shown_as_they_are_in_the_source() -> None:
    assert template("draining 12 connections") == "draining {} connections"
    assert template("draining 12 connections of ada") == UNKNOWN
    assert task_name("job/of ada") == "job/{}"
    assert task_name("ada") == ""
    assert allowed(
        {"level": "error", "message": "x", "status": "secret", "ms": 3.5, "user": "ada"}
    ) == {
        "timestamp": "",
        "level": "error",
        "version": "",
        "logger": "",
        "message": UNKNOWN,
        "ms": 3.5,
    }
