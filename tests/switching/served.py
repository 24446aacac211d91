"""A server whose configuration is a file that the test changes, with the plugins of `plugins`."""

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from chatserver.app import Server
from chatserver.config import load
from chatserver.errors import ChatError
from chatserver.hooks.types import Actor
from chatserver.service.switches import SwitchDo, Switched
from chatserver.testing.running import Chat

PLUGINS = Path(__file__).parent / "plugins"
Tree = dict[str, Mapping[str, object]]  # sections of a configuration
OPERATOR = Actor(operator="root")


class Site(Chat):
    """A running server, and its configuration file."""

    def __init__(self, server: Server, port: int, file: Path, tree: Tree) -> None:
        super().__init__(server, port, None)
        self.server, self.file, self.tree = server, file, tree

    def write(self, plugin: str, **settings: object) -> None:
        """Give a plugin other settings in the file."""
        self.tree[f"plugin.{plugin}"] = settings
        write(self.file, self.tree)

    async def switch(self, do: SwitchDo, plugin: str = "whole") -> Switched:
        return await self.server.coordinator.switch(do, plugin, OPERATOR)

    def instance(self, plugin: str = "whole") -> Any:
        return next(each.instance for each in self.server._plugins.all if each.name == plugin)


def write(file: Path, tree: Tree) -> None:
    lines = []
    for section, values in tree.items():
        lines += [f"[{section}]", *(f"{key} = {json.dumps(each)}" for key, each in values.items())]
    file.write_text("\n".join(lines))


@asynccontextmanager
async def served(
    folder: Path,
    *plugins: str,
    store: str = "memory",
    sections: Tree | None = None,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, object] | None = None,
) -> AsyncIterator[Site]:
    """A server with these plugins. `sections` are further ones of the configuration, or more keys of them."""
    file = folder / "chat.toml"
    tree: Tree = {
        "server": {"port": 0, "data": str(folder / "data"), "drain_seconds": 0.1},
        "logging": {"folder": ""},
        "limits": {"registrations_per_hour": 0},
        "plugins": {
            "enabled": [store, "password", *plugins],
            "folder": str(PLUGINS),
            "drain_seconds": 5,
        },
        "plugin.password": {"memory_kib": 8, "passes": 1},
    }
    for section, values in (sections or {}).items():
        tree[section] = {**tree.get(section, {}), **values}
    write(file, tree)
    (folder / "data").mkdir(exist_ok=True)
    server = Server(load(str(file), environ=environ or {}, overrides=overrides))
    async with server.opened():
        port = server.listen()
        try:
            async with server.working():
                await server.control.start()
                yield Site(server, port, file, tree)
        finally:
            await server.control.stop()
            await server.drain()


@contextmanager
def refused(code: str, text: str = "") -> Iterator[None]:
    with pytest.raises(ChatError, match=text or None) as caught:
        yield
    assert caught.value.code == code
