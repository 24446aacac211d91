"""A command line in a folder of its own, with a server that only says what it was asked to do."""

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from chatserver.cli import main
from chatserver.config import Loaded
from chatserver.errors import ChatError
from chatserver.hooks.types import Actor
from chatserver.model import ServerRole, User

Run = Callable[..., Result]

STORE = """
import chatserver
from typing import Annotated
import msgspec
from chatserver_plugins.memory import MemoryStore

class Plugin:
    class Config(chatserver.Settings):
        uri: Annotated[str, msgspec.Meta(description="Where the store is.")] = ""

    def __init__(self, config):
        self.config = config

    @chatserver.hookimpl
    def provide_store(self):
        return MemoryStore()
"""
LOGIN = """
from chatserver_plugins.password import PasswordPlugin

class Plugin(PasswordPlugin):
    pass
"""


class Accounts:
    """Accounts in memory, as the service has them."""

    def __init__(self) -> None:
        self.users: dict[str, User] = {}
        self.passwords = Passwords(self)
        self.actors: list[Actor | None] = []

    async def add(
        self,
        username: str,
        password: str,
        name: str | None,
        role: ServerRole | None,
        by: Actor | None = None,
        must_change: bool = False,
    ) -> User:
        self.actors.append(by)
        self.must_change = must_change
        if username in self.users:
            raise ChatError("user.exists")
        self.users[username] = User(
            id=f"u{len(self.users)}",
            username=username,
            name=name or username,
            role=role or ServerRole.MEMBER,
            at="2026-01-01T00:00:00.000Z",
        )
        self.passwords.known[username] = password
        return self.users[username]

    def named(self, username: str, by: Actor) -> User:
        self.actors.append(by)
        if username not in self.users:
            raise ChatError("user.not_found")
        return self.users[username]

    async def set_role(self, username: str, role: ServerRole, by: Actor) -> User:
        return self.change(self.named(username, by), role=role)

    async def lock(self, username: str, locked: bool, by: Actor) -> User:
        return self.change(self.named(username, by), disabled=locked)

    async def rename(self, username: str, new: str | None, name: str | None, by: Actor) -> User:
        user = self.users.pop(self.named(username, by).username)
        return self.change(user, username=new or username, name=name or user.name)

    async def delete(self, username: str, by: Actor, *, despite_hold: bool = False) -> User:
        user = self.users.pop(self.named(username, by).username)
        return self.change(user, username=f"deleted-{user.id}", deleted=True, disabled=True)

    def change(self, user: User, **changes: object) -> User:
        changed = msgspec.structs.replace(user, **changes)
        self.users[changed.username] = changed
        return changed

    async def list(self, after: str = "", limit: int = 1000) -> list[User]:
        return [user for user in self.users.values() if user.id > after][:limit]


class Passwords:
    """Their passwords, by user name."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self.known: dict[str, str] = {}

    async def set(self, username: str, password: str, by: Actor, must_change: bool) -> User:
        user = self._accounts.named(username, by)
        self._accounts.must_change = must_change
        self.known[username] = password
        return user


class Server(ModuleType):
    """Takes the place of `chatserver.app` and `chatserver.serving`."""

    def __init__(self) -> None:
        super().__init__("chatserver.app")
        self.accounts = Accounts()
        self.started: list[tuple[Loaded, bool]] = []
        self.status = 0
        self.error: Exception | None = None

    def run(self, loaded: Loaded, *, dev: bool = False, **outer: object) -> int:
        if self.error:
            raise self.error
        self.started.append((loaded, dev))
        return self.status

    @asynccontextmanager
    async def opened(self, loaded: Loaded) -> AsyncIterator[Any]:
        if self.error:
            raise self.error
        service = SimpleNamespace(accounts=self.accounts, removal=self.accounts)
        yield SimpleNamespace(service=service)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    server = Server()
    for name in ("chatserver.app", "chatserver.serving"):
        monkeypatch.setitem(sys.modules, name, server)
    return server


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with two local plugins and a configuration that has them on."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "local").mkdir()
    (tmp_path / "local/shelf.py").write_text(STORE)
    (tmp_path / "local/login.py").write_text(LOGIN)
    (tmp_path / "chat.toml").write_text(
        '[plugins]\nfolder = "local"\nenabled = ["shelf", "login"]\n'
        '[plugin.shelf]\nuri = "shelf://me:hunter2@attic"\n'
    )
    (tmp_path / "config").mkdir()
    (tmp_path / "config/development.toml").write_text("[server]\ndebug = true\n")
    return tmp_path


@pytest.fixture
def run(folder: Path) -> Run:
    def invoke(*arguments: str, **options: Any) -> Result:
        return CliRunner().invoke(main, arguments, prog_name="chatserver", **options)

    return invoke
