"""A plugin whose driver is not installed says which extra brings it, and is described all the same."""

import sys
from collections.abc import Sequence
from configparser import ConfigParser
from importlib.abc import MetaPathFinder
from pathlib import Path

import pytest

from chatserver import StartupError
from chatserver.app import Server
from chatserver.config import load
from chatserver.config.settings import describe
from chatserver.hooks.dependencies import how_to_install
from chatserver_plugins.kafka import KafkaPlugin
from chatserver_plugins.ldap import LdapPlugin
from chatserver_plugins.nats_bus import NatsBusPlugin
from chatserver_plugins.passkeys import PasskeysPlugin
from chatserver_plugins.postgres import PostgresPlugin
from chatserver_plugins.postgres_bus import PostgresBusPlugin
from chatserver_plugins.redis_bus import RedisBusPlugin

ROOT = Path(__file__).parents[2]
# Plugin: its class, its driver's module, the extra, and a setting without which it does not start.
DRIVERS = {
    "kafka": (KafkaPlugin, "aiokafka", "kafka", ("brokers", ["here:9092"])),
    "ldap": (LdapPlugin, "ldap3", "ldap", ("servers", ["ldaps://here"])),
    "nats_bus": (NatsBusPlugin, "nats", "nats", ("uri", "nats://here:4222")),
    "passkeys": (PasskeysPlugin, "webauthn", "passkeys", ("domain", "example.org")),
    "postgres": (PostgresPlugin, "asyncpg", "postgres", ("uri", "postgresql://here")),
    "postgres_bus": (PostgresBusPlugin, "asyncpg", "postgres", ("uri", "postgresql://here")),
    "redis_bus": (RedisBusPlugin, "redis", "redis", ("uri", "redis://here")),
}


@pytest.mark.parametrize("name", DRIVERS)
def test_the_extra_is_named(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kind, module, extra, (setting, value) = DRIVERS[name]
    without(module, name, monkeypatch)
    assert setting in [each.key for each in describe(kind.Config)]
    enabled: Sequence[str] = (
        ["password", name] if name == "postgres" else ["memory", "password", name]
    )
    given = {
        "server.data": str(tmp_path),
        "plugins.enabled": enabled,
        f"plugin.{name}.{setting}": value,
        **({"plugin.ldap.base": "dc=here"} if name == "ldap" else {}),
    }
    with pytest.raises(StartupError) as caught:
        Server(load(environ={}, overrides=given))
    expected = f"plugin {name}: {module} is missing: {how_to_install(extra)}"
    assert str(caught.value) == expected


def test_the_extras_are_there() -> None:
    setup = ConfigParser(delimiters=("=",), interpolation=None)
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    extras = setup["options.extras_require"]
    for _, module, extra, _ in DRIVERS.values():
        assert module in extras[extra]


def without(module: str, plugin: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if it had never been installed."""
    for name in list(sys.modules):
        if name.split(".")[0] == module or name.startswith(f"chatserver_plugins.{plugin}."):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Missing(module), *sys.meta_path])


class Missing(MetaPathFinder):
    def __init__(self, module: str) -> None:
        self._module = module

    def find_spec(self, fullname: str, path: object, target: object = None) -> None:
        if fullname == self._module:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
