"""`chatserver plugin check`: what would not start is a problem, what will hurt later is advice with its line."""

import os
import subprocess
from pathlib import Path

import pytest

from chatserver.authoring.advice import CODES
from tests.forking import ran

ROOT = Path(__file__).parents[2]

GOOD = """
import asyncio
import time
from pathlib import Path
from typing import Annotated

import msgspec

import chatserver
from chatserver import Draft, hookimpl
from chatserver.testing.running import running


class Plugin:
    powers = chatserver.Powers(service=("rooms", "accounts.get"))

    class Config(chatserver.Settings, frozen=True, kw_only=True):
        path: Annotated[str, msgspec.Meta(description="Where words are.")] = "words"

    def __init__(self, config: Config) -> None:
        time.sleep(0)
        self._words = Path(config.path)

    @hookimpl
    async def startup(self, context: chatserver.Context) -> None:
        self._context, self._service = context, context.service
        self._seen = context.measures.counter("good_seen_total", "Messages seen")

    @hookimpl
    async def check_message(self, draft: Draft) -> None:
        self._seen.add()
        text = await asyncio.to_thread(lambda: self._words.read_text())
        await self._service.rooms.get(draft.room)
        await self._context.service.accounts.get(draft.body)
        open_doors = text.count(draft.body)
"""
WRONG = {
    "import.private": ("import chatserver", "import chatserver.app", "chatserver.app is private"),
    "import.plugin": (
        "import chatserver", "import chatserver_plugins.audit", "of another plugin",
    ),
    "call.blocking": ("        self._seen.add()", "        time.sleep(1)", "time.sleep blocks"),
    "metric.prefix": ("good_seen_total", "seen_total", "a name that begins with good_"),
    "power.undeclared": (
        "rooms.get(draft.room)",
        "accounts.by_name(draft.room)",
        "accounts.by_name of the service is not declared",
    ),
    "setting.description": (
        'Annotated[str, msgspec.Meta(description="Where words are.")]',
        "str",
        "plugin.good.path has no description",
    ),
}  # fmt: skip


def checked(folder: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    return ran("plugin", "check", "good", "--set", f"plugins.folder={folder}", *options)


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    path = tmp_path / "good.py"
    path.write_text(GOOD)
    return path


def test_a_good_plugin_is_in_order(plugin: Path) -> None:
    done = checked(plugin.parent, "--strict")
    assert (done.returncode, done.stdout) == (0, "good: in order\n"), done.stderr


@pytest.mark.parametrize("name", ["totp", "tracing"])
def test_a_built_in_plugin_is_in_order(name: str) -> None:
    done = ran("plugin", "check", name, "--strict")
    assert (done.returncode, done.stdout) == (0, f"{name}: in order\n"), done.stderr


def test_hooks_that_judge_may_be_plain_but_may_not_block(plugin: Path) -> None:
    lines = plugin.read_text().replace("async def check_message", "def check_message").splitlines()
    text = [line for line in lines if "text" not in line and "await" not in line]
    plugin.write_text("\n".join(text))
    done = checked(plugin.parent, "--strict")
    assert (done.returncode, done.stdout) == (0, "good: in order\n"), done.stderr
    plugin.write_text("\n".join(text).replace("self._seen.add()", "self._words.read_text()"))
    found = checked(plugin.parent).stdout
    assert "self._words.read_text blocks: write the hook as async def" in found


@pytest.mark.parametrize(
    ("requires", "said"),
    [
        ("", "it requires no pluggable-chatserver"),
        ("Requires-Dist: chatserver<1\n", "it requires no pluggable-chatserver"),
        ("Requires-Dist: pluggable_chatserver>=0.1\n", "has no upper bound"),
        ("Requires-Dist: Pluggable-Chatserver[s3]<0.2,>=0.1 ; python_version > '3'\n", ""),
        ("Requires-Dist: pluggable-chatserver==0.1.0\n", ""),
    ],
)
def test_a_package_says_which_servers_it_is_for(tmp_path: Path, requires: str, said: str) -> None:
    (tmp_path / "chatserver_good.py").write_text(GOOD)
    info = tmp_path / "chatserver_good-1.0.dist-info"
    info.mkdir()
    head = "Metadata-Version: 2.1\nName: chatserver-good\nVersion: 1.0\n"
    (info / "METADATA").write_text(head + requires)
    (info / "entry_points.txt").write_text("[chatserver.plugins]\ngood = chatserver_good:Plugin\n")
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    done = ran("plugin", "check", "good", "--strict", env=env)
    assert (done.returncode, "version.bound" in done.stdout) == (int(bool(said)), bool(said)), done
    assert said in done.stdout


@pytest.mark.parametrize("code", WRONG)
def test_each_advice_has_its_code_and_line(plugin: Path, code: str) -> None:
    before, after, said = WRONG[code]
    text = GOOD.replace(before, after, 1) if code != "import.private" else f"{after}\n{GOOD}"
    if code == "import.plugin":
        text = f"{after}\n{GOOD}"
    plugin.write_text(text)
    done = checked(plugin.parent)
    (line,) = done.stdout.splitlines()
    assert f": {code}: " in line and said in line and line.startswith(f"{plugin}:")
    number = int(line.removeprefix(f"{plugin}:").partition(":")[0])
    where = "class Plugin" if code == "setting.description" else after
    assert where in text.splitlines()[number - 1]
    assert done.returncode == 0 and checked(plugin.parent, "--strict").returncode == 1


def test_every_advice_is_tried() -> None:
    assert {*WRONG, "version.bound"} == set(CODES)


@pytest.mark.parametrize(
    "blocking",
    [
        "open('x')", "Path('x').read_text()", "self._words.write_bytes(b'')",
        "import subprocess; subprocess.run(['x'])",
    ],
)  # fmt: skip
def test_other_calls_that_block(plugin: Path, blocking: str) -> None:
    plugin.write_text(GOOD.replace("        self._seen.add()", f"        {blocking}"))
    assert ": call.blocking: " in checked(plugin.parent).stdout


@pytest.mark.parametrize(
    ("use", "named"),
    [
        ("self._context.messages.post(user, room, 'x')", "messages.post"),
        ("self._context.blobs.get('x')", "blobs.get"),
        ("self._context.claim('message')", "claims.add"),
        ("self._context.release('message')", "claims.release"),
        ("self._context.bot('x')", "accounts.bot"),
        ("self._service.inspect(user, '')", "inspect"),
        ("len(self._service.config.server.name)", "config.server"),
        ("self._context.records.get('x')", None),
        ("self.held(self._service.messages)", None),
    ],
)
def test_undeclared_uses_of_the_service_are_found(
    plugin: Path, use: str, named: str | None
) -> None:
    plugin.write_text(GOOD.replace("        self._seen.add()", f"        {use}"))
    done = checked(plugin.parent)
    said = f"power.undeclared: {named} of the service is not declared" if named else "in order"
    assert said in done.stdout, done


USES = {
    "network": "import socket; socket.create_connection(('127.0.0.1', 9))",
    "secrets": "import os; os.environ.get('A_TOKEN')",
    "service": "context.service.config.backup.keep",
}
LINES = {
    "network": 'network=("127.0.0.1",)',
    "secrets": 'secrets=("A_TOKEN",)',
    "service": 'service=("config.backup",)',
}


@pytest.mark.parametrize("declared", ["Powers()", "None"])
@pytest.mark.parametrize("kind", USES)
def test_an_undeclared_power_used_while_building_is_a_problem(
    plugin: Path, kind: str, declared: str
) -> None:
    """Also of a plugin that declares nothing: it is checked on demand."""
    routes = f"""
    powers = chatserver.Powers() if "{declared}" != "None" else None

    @hookimpl
    def register_routes(self, context: chatserver.Context) -> list[chatserver.Route]:
        {USES[kind]}
        return []
"""
    start, _, rest = GOOD.partition(
        '    powers = chatserver.Powers(service=("rooms", "accounts.get"))'
    )
    plugin.write_text(start + rest + routes)
    done = checked(plugin.parent)
    assert done.returncode == 1
    assert "plugin good uses" in done.stderr
    assert f"powers = chatserver.Powers({LINES[kind]})" in done.stderr.replace("\n", " ")


def test_what_would_not_start_is_a_problem(plugin: Path) -> None:
    routes = """
    @hookimpl
    def register_routes(self) -> list[chatserver.Route]:
        return [chatserver.Route(path="/health", get=self.check_message)]
"""
    plugin.write_text(GOOD + routes)
    done = checked(plugin.parent)
    assert done.returncode == 1 and "/health is an address of the server itself" in done.stderr
    plugin.write_text(GOOD.replace("check_message", "check_mesage"))
    done = checked(plugin.parent)
    assert done.returncode == 1 and "did you mean check_message?" in done.stderr


def test_it_stands_beside_the_plugins_of_a_configuration(plugin: Path, tmp_path: Path) -> None:
    chat = tmp_path / "chat.toml"
    chat.write_text('[plugins]\nenabled = ["sqlite", "password", "audit"]\n')
    assert checked(tmp_path, "-c", str(chat)).returncode == 0
    chat.write_text('[plugins]\nenabled = ["password"]\n')
    done = checked(tmp_path, "-c", str(chat))
    assert done.returncode == 1 and "provide_store" in done.stderr


def test_a_store_is_checked_in_place_of_the_one_in_memory(plugin: Path) -> None:
    provide = """
    @hookimpl
    def provide_store(self) -> chatserver.Store:
        return Store()
"""
    store = (
        (ROOT / "plugins/memory/store.py").read_text().replace("class MemoryStore", "class Store")
    )
    plugin.write_text(f"{store}\n{GOOD}{provide}")
    done = checked(plugin.parent)
    assert (done.returncode, done.stdout) == (0, "good: in order\n"), done.stderr


def test_an_unknown_plugin_is_named(tmp_path: Path) -> None:
    done = checked(tmp_path)
    assert done.returncode == 1 and "there is no plugin 'good'" in done.stderr
