"""Each power is tried by denial: a plugin that does not declare it is refused, one that declares it is not."""

import asyncio
import contextvars
import os
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from chatserver import ChatError
from chatserver.denial.refusal import declaration
from chatserver.hooks.powers import Powers
from chatserver.testing.running import UndeclaredPower, running

PLUGIN = (Path(__file__).parent / "undeclared/grabber.py").read_text()
UNDECLARED = "    powers: chatserver.Powers | None = None\n"
CONNECTS = (
    *("connect", "connect_by_name", "connect_in_a_task", "connect_in_a_callback"),
    *("connect_in_a_thread", "connect_in_a_pool", "connect_in_the_pool_of_the_loop", "fetch"),
    *("connect_by_to_thread", "send_a_datagram"),
)
# What the plugin does, what it must declare, and what is named if it does not.
NEEDS = [
    *((each, Powers(network=("127.0.0.1", "localhost")), "the network") for each in CONNECTS),
    *((each, Powers(network=("any",)), "the network") for each in CONNECTS),
    *((each, Powers(network=("discovered",)), "the network") for each in CONNECTS),
    ("look_up", Powers(network=("local*",)), "the network (localhost)"),
    ("listen", Powers(network=("listen",)), "a listener of its own"),
    ("read_a_secret", Powers(secrets=("GRABBED_TOKEN",)), "the environment variable GRABBED_TOKEN"),
    ("read_a_secret_in_bytes", Powers(secrets=("GRABBED_TOKEN",)), "variable GRABBED_TOKEN"),
    (
        "read_a_setting_of_the_server",
        Powers(secrets=("CHATSERVER_PLUGIN__MONGO__DATABASE",)),
        "CHATSERVER_PLUGIN__MONGO__DATABASE",
    ),
    ("find_an_account", Powers(service=("accounts.by_name",)), "accounts.by_name of the service"),
    ("find_an_account", Powers(service=("accounts",)), "accounts.by_name of the service"),
    ("read_the_configuration", Powers(service=("config.plugin",)), "config.plugin"),
    ("inspect", Powers(service=("inspect",)), "inspect of the service"),
    ("tell_the_epoch", Powers(service=("epoch",)), "epoch of the service"),
    ("post", Powers(service=("messages.post", "rooms.get")), "rooms.get of the service"),
    ("take_a_file", Powers(service=("blobs.get",)), "blobs.get of the service"),
    ("claim", Powers(service=("claims.add",)), "claims.add of the service"),
    ("release", Powers(service=("claims.release",)), "claims.release of the service"),
    ("make_a_bot", Powers(service=("accounts.bot",)), "accounts.bot of the service"),
]


@contextmanager
def listening(kind: socket.SocketKind = socket.SOCK_STREAM) -> Iterator[int]:
    """Something that takes connections, and answers none."""
    with socket.socket(socket.AF_INET, kind) as end:
        end.bind(("127.0.0.1", 0))
        if kind is socket.SOCK_STREAM:
            end.listen()
        yield end.getsockname()[1]


def tried(folder: Path, does: str, declared: Powers | None, **settings: object) -> str:
    """Run a server in which the plugin does it once, at a message; the code of the error that its author gets, or "".

    Raises `UndeclaredPower`.
    """
    text = "" if declared is None else f"    {declaration(declared)}\n"
    assert UNDECLARED in PLUGIN
    (folder / "grabber.py").write_text(PLUGIN.replace(UNDECLARED, text))
    given: dict[str, object] = {
        "plugins.folder": str(folder),
        "plugins.deadline_seconds": 60,
        "plugin.grabber.does": does,
    }
    given |= {f"plugin.grabber.{key}": value for key, value in settings.items()}

    async def talk() -> str:
        async with running("disk_blobs", "grabber", settings=given) as chat:
            ada = await chat.user("ada")
            room = await ada.create_room("Lounge")
            try:
                await ada.post(room, "hello")
            except ChatError as error:
                return error.code
        return ""

    return asyncio.run(talk())


@contextmanager
def place(does: str) -> Iterator[int]:
    if does == "fetch":
        yield 1  # refused at once by the machine, unless the plugin may not even try
    else:
        with listening(socket.SOCK_DGRAM if "datagram" in does else socket.SOCK_STREAM) as port:
            yield port


@pytest.mark.parametrize(("does", "declared", "named"), NEEDS)
def test_a_declared_power_is_given(tmp_path: Path, does: str, declared: Powers, named: str) -> None:
    # There is no such file, and nobody answers.
    failure = {"take_a_file": "blob.not_found", "fetch": "plugin.failed"}.get(does, "")
    with place(does) as port:
        assert tried(tmp_path, does, declared, port=port) == failure


@pytest.mark.parametrize(
    ("does", "named"), list(dict.fromkeys((does, named) for does, _, named in NEEDS))
)
def test_an_undeclared_power_is_refused(tmp_path: Path, does: str, named: str) -> None:
    with place(does) as port, pytest.raises(UndeclaredPower) as caught:
        tried(tmp_path, does, Powers(), port=port)
    said = str(caught.value)
    assert said.startswith("plugin grabber uses ")
    assert named in said


@pytest.mark.parametrize(
    ("does", "declared"),
    [
        ("connect", Powers(network=("listen", "127.0.0.2", "localhost", "27.0.0.1"))),
        ("connect", Powers(network=("configured",))),
        ("listen", Powers(network=("any",))),
        ("read_a_secret", Powers(secrets=("GRABBED", "GRABBED_TOKENS", "grabbed_token"))),
        ("find_an_account", Powers(service=("accounts.by", "accounts.by_names", "rooms"))),
        ("read_the_configuration", Powers(service=("config.plugins",))),
        ("inspect", Powers(service=("inspect.it", "accounts"))),
        ("claim", Powers(service=("claims.release",))),
        ("make_a_bot", Powers(service=("accounts.by_name",))),
    ],
)
def test_another_power_is_not_enough(tmp_path: Path, does: str, declared: Powers) -> None:
    with place(does) as port, pytest.raises(UndeclaredPower):
        tried(tmp_path, does, declared, port=port)


def test_the_line_to_write_keeps_what_is_declared(tmp_path: Path) -> None:
    with pytest.raises(UndeclaredPower) as caught:
        tried(tmp_path, "find_an_account", Powers(network=("any",), service=("epoch",)))
    line = 'powers = chatserver.Powers(network=("any",), service=("epoch", "accounts.by_name"))'
    assert str(caught.value).endswith(line)


def test_a_refusal_that_the_plugin_hides_fails_the_test_all_the_same(tmp_path: Path) -> None:
    with listening() as port, pytest.raises(UndeclaredPower, match="the network"):
        tried(tmp_path, "connect_and_hide_it", Powers(), port=port)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/x", "u:p@127.0.0.1", "a,[::1],127.0.0.1"])
def test_a_host_in_the_settings_is_configured(tmp_path: Path, url: str) -> None:
    with listening() as port:
        powers = Powers(network=("configured",))
        assert tried(tmp_path, "connect", powers, port=port, url=url) == ""


@pytest.mark.parametrize("url", ["http://1127.0.0.1", "http://127.0.0.1.example", "27.0.0.1"])
def test_a_host_that_looks_like_one_in_the_settings_is_not(tmp_path: Path, url: str) -> None:
    with listening() as port, pytest.raises(UndeclaredPower):
        tried(tmp_path, "connect", Powers(network=("configured",)), port=port, url=url)


def test_the_address_of_a_declared_name_is_permitted(tmp_path: Path) -> None:
    with listening() as port:
        tried(tmp_path, "connect_by_name", Powers(network=("localhost",)), port=port)


def test_all_variables_are_those_that_may_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRABBED_TOKEN", "secret")
    assert tried(tmp_path, "read_all", Powers()) == ""


def test_what_is_the_plugins_own_needs_no_declaration(tmp_path: Path) -> None:
    assert tried(tmp_path, "use_what_is_its_own", Powers()) == ""


@pytest.mark.parametrize("does", ["connect", "read_a_secret", "find_an_account", "listen"])
def test_a_plugin_without_a_declaration_is_not_held_to_one(tmp_path: Path, does: str) -> None:
    with place(does) as port:
        assert tried(tmp_path, does, None, port=port) == ""


def test_nothing_stays_wrapped(tmp_path: Path) -> None:
    def there() -> list[object]:
        return [
            type(os.environ),
            type(os.environb),
            socket.getaddrinfo,
            socket.socket.listen,
            threading.Thread.start,
            ThreadPoolExecutor.submit,
        ]

    before = there()
    tried(tmp_path, "use_what_is_its_own", Powers())
    assert there() == before


# In a script, `asyncio.run` finds no context variable; a test runner may have set one.


def test_a_script_keeps_one_context_for_all_steps_of_its_task() -> None:
    noted = contextvars.ContextVar("noted", default="")

    async def talk() -> list[str]:
        async with running("totp", store="sqlite") as chat:
            token = noted.set("by the task")
            ada = await chat.user("ada")
            found = [ada.user.username, noted.get(), await asyncio.create_task(inherits())]
            noted.reset(token)
            return [*found, noted.get()]

    async def inherits() -> str:
        await asyncio.sleep(0)
        return noted.get()

    answers = contextvars.Context().run(asyncio.run, talk())
    assert answers == ["ada", "by the task", "by the task", ""]


def test_what_a_script_does_beside_a_plugin_is_not_the_plugins() -> None:
    async def ask() -> int:
        async with running() as chat:
            await (await chat.user("ada")).create_room("Lounge")
            return (await chat.http("GET", "/health/live")).status

    assert contextvars.Context().run(asyncio.run, ask()) == 200


def test_a_plugin_is_refused_what_it_does_not_declare_in_a_script_too(tmp_path: Path) -> None:
    script = contextvars.Context()
    with listening() as port, pytest.raises(UndeclaredPower, match="plugin grabber uses"):
        script.run(lambda: tried(tmp_path, "connect_in_a_task", Powers(), port=port))


async def test_two_servers_at_once_hold_their_own_plugins() -> None:
    async with running() as one:
        async with running("slash_commands") as two:
            await two.user("ada")
        await one.user("ada")
