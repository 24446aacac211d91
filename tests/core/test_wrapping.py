"""Stores that plugins put around the store: used by the server and by every command, and never left out by mistake."""

import ast
from pathlib import Path

import pytest

from chatserver.app import Server, opened
from chatserver.blobs.fallback import TwoPlaces
from chatserver.cli.stores import (
    opened_place_alone,
    opened_to_copy,
    opened_to_write,
    opened_untouched,
)
from chatserver.config import Loaded, load
from chatserver.errors import StartupError
from chatserver.status.collect import Collector
from chatserver.testing.blobs import given, whole

ROOT = Path(__file__).parents[2]
# Adds a letter to what it writes into one space, and takes it off; hides its mark.
PLUGIN = """
import chatserver

class Around:
    def __init__(self, store):
        self._store = store
    def __getattr__(self, name):
        return getattr(self._store, name)
    async def open(self):
        await self._store.open()
        await self._store.put("wrapped", "NAME", b"1")
    async def put(self, space, key, value):
        await self._store.put(space, key, value + b"NAME"[:1] if space == "letters" else value)
    async def get(self, space, key):
        found = await self._store.get(space, key)
        return found.removesuffix(b"NAME"[:1]) if found and space == "letters" else found
    async def scan(self, space, prefix, after="", limit=1000):
        found = await self._store.scan(space, prefix, after, limit)
        return [each for each in found if (space, each[0]) != ("wrapped", "NAME")]

class AroundBlobs:
    def __init__(self, blobs):
        self._blobs = blobs
    def __getattr__(self, name):
        return getattr(self._blobs, name)
    async def write(self, key, parts):
        async def more():
            async for part in parts:
                yield part
            yield b"NAME"[:1]
        return await self._blobs.write(key, more())

class Plugin:
    powers = chatserver.Powers()
    def __init__(self, config):
        pass
    class Config(chatserver.Settings, frozen=True):
        pass
    @chatserver.hookimpl
    def wrap_store(self, store):
        return Around(store)
    @chatserver.hookimpl
    def wrap_blobs(self, blobs):
        return AroundBlobs(blobs)
"""


PLACE = """
import chatserver
from chatserver_plugins.disk_blobs import DiskBlobsPlugin

class Plugin(DiskBlobsPlugin):
    pass
"""


def loaded(folder: Path, *wrapping: str, **settings: str) -> Loaded:
    """A configuration with a SQLite store, within those of the plugins `wrapping`."""
    plugins = folder / "plugins"
    plugins.mkdir(exist_ok=True)
    for name in ("inner", "outer"):
        (plugins / f"{name}.py").write_text(PLUGIN.replace("NAME", name))
    return load(
        environ={},
        overrides={
            "server.data": str(folder / "data"),
            "plugins.folder": str(plugins),
            "plugins.enabled": ["sqlite", "password", *wrapping],
            **settings,
        },
    )


async def test_each_plugin_is_around_those_before_it(tmp_path: Path) -> None:
    async with opened_to_write(loaded(tmp_path, "inner", "outer")) as store:
        await store.put("letters", "a", b"-")
        assert await store.get("letters", "a") == b"-"
        assert await store.scan("wrapped", "") == []
        innermost = store._store._store  # type: ignore[attr-defined]
        assert await innermost.get("letters", "a") == b"-oi"


@pytest.mark.parametrize("way", [opened, opened_to_write, opened_to_copy, opened_untouched])
async def test_nothing_opens_the_store_without_its_plugin(tmp_path: Path, way: object) -> None:
    async with opened_to_write(loaded(tmp_path, "inner", "outer")):
        pass
    for present in ((), ("inner",), ("outer",)):
        with pytest.raises(StartupError) as caught:
            async with way(loaded(tmp_path, *present)):  # type: ignore[operator]
                pass
        missing = [name for name in ("inner", "outer") if name not in present]
        assert f"enable {', '.join(missing)}, with its settings" in str(caught.value)
    async with way(loaded(tmp_path, "inner", "outer")):  # type: ignore[operator]
        pass


async def test_beside_a_server_nothing_opens_it_without_its_plugin(tmp_path: Path) -> None:
    async with opened_to_write(loaded(tmp_path, "inner")):
        with pytest.raises(StartupError, match="enable inner"):
            async with opened_to_copy(loaded(tmp_path)):
                pass
        report = await Collector(Server(loaded(tmp_path)), 10.0).look("")
        assert report.store.state == "away" and "enable inner" in report.store.error


async def test_each_plugin_is_around_the_places_of_files_before_it(tmp_path: Path) -> None:
    config = loaded(tmp_path, "disk_blobs", "inner", "outer")
    async with opened_to_write(config):
        """There is a store: a place that needs one makes none."""
    async with opened_place_alone(config) as blobs:
        assert blobs is not None
        await blobs.write("00000000", given([b"-"]))
        assert await whole(blobs, "00000000") == b"-oi"


def test_the_former_place_of_files_is_wrapped_too(tmp_path: Path) -> None:
    places = {"blobs.place": "second", "blobs.former": "disk_blobs"}
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins/second.py").write_text(PLACE)
    both = Server(loaded(tmp_path, "disk_blobs", "second", "inner", **places)).blobs
    assert isinstance(both, TwoPlaces)
    assert [type(each).__name__ for each in (both.present, both.former)] == ["AroundBlobs"] * 2


def test_what_is_no_place_of_files_is_refused(tmp_path: Path) -> None:
    config = loaded(tmp_path, "disk_blobs", "inner")
    (tmp_path / "plugins/inner.py").write_text(PLUGIN.replace("AroundBlobs(blobs)", "object()"))
    with pytest.raises(
        StartupError, match="plugin inner: wrap_blobs returned object, which has no"
    ):
        Server(config)


def test_what_is_no_store_is_refused(tmp_path: Path) -> None:
    config = loaded(tmp_path, "inner")
    (tmp_path / "plugins/inner.py").write_text(PLUGIN.replace("Around(store)", "object()"))
    with pytest.raises(
        StartupError, match="plugin inner: wrap_store returned object, which has no"
    ):
        Server(config)


def test_no_other_code_opens_a_store() -> None:
    """Whoever opens a server's store does so by `open_wrapped`, which looks for marks."""
    found = set()
    for path in sorted((ROOT / "chatserver").rglob("*.py")):
        if "testing" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                is_store = ast.unparse(node.func.value).split(".")[-1] in ("store", "_store")
                if is_store and node.func.attr in ("open", "open_to_read"):
                    found.add(str(path.relative_to(ROOT / "chatserver")))
    # Stores that were made for the occasion: a scratch one, and that of a drill.
    assert found == {"cluster/wrappers.py", "cli/scratch.py", "copies/drill/scratch.py"}
