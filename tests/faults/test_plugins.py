"""Fault 28: a plugin that raises, hangs, blocks the loop, leaks or returns garbage, in every hook.

At start the server refuses, later it goes on; the plugin is named in the log and in the counters.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from chatserver import StartupError
from chatserver.app import Server
from chatserver.config import load
from chatserver.hooks import lifecycle
from tests.faults.figures import record
from tests.faults.scale import IS_LONG
from tests.faults.server import PASSWORD, PLUGINS, ChatServer, http
from tests.waiting import wait_until

FAULT = "28 broken plugins"
DEADLINE = 0.5
BLOCK_SECONDS = 5.0 if IS_LONG else 1.6
MESSAGE_HOOKS = ("change_message", "check_message")
WAYS = ("raise", "hang", "block", "leak", "garbage")


# -- at start --------------------------------------------------------------------------------------


async def start(folder: Path, enabled: list[str], **settings: object) -> None:
    given: dict[str, object] = {
        "server.data": str(folder),
        "plugins.enabled": enabled,
        "plugins.folder": str(PLUGINS),
        "logging.folder": "",
        **settings,
    }
    server = Server(load(overrides=given))
    async with server.opened():
        server.engine.collect(["register_routes", "register_health_checks"])


@pytest.mark.parametrize("how", ["raise", "garbage", "nothing"])
@pytest.mark.parametrize("part", ["store", "authenticator"])
async def test_a_server_without_a_part_refuses_to_start(
    tmp_path: Path, part: str, how: str
) -> None:
    name = f"broken_{part}"
    rest = ["password"] if part == "store" else ["memory"]
    with pytest.raises(StartupError, match=f"plugin {name}: provide_{part}"):
        await start(tmp_path, [*rest, name], **{f"plugin.{name}.how": how})


@pytest.mark.parametrize(
    ("hook", "how"),
    [
        ("register_routes", "raise"),
        ("register_routes", "garbage"),
        ("register_health_checks", "raise"),
        ("register_health_checks", "garbage"),
        ("register_commands", "raise"),
        ("register_commands", "garbage"),
        ("startup", "raise"),
        ("startup", "hang"),
    ],
)
async def test_a_plugin_that_cannot_begin_refuses_to_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hook: str, how: str
) -> None:
    monkeypatch.setattr(lifecycle, "STARTUP_SECONDS", DEADLINE)
    settings = {"plugin.broken.hook": hook, "plugin.broken.how": how}
    with pytest.raises(StartupError, match=f"plugin broken: {hook}"):
        await start(tmp_path, ["memory", "password", "broken"], **settings)


# -- while running ---------------------------------------------------------------------------------


class Trial:
    """A server with the broken plugin, a user, a room, and the way to set the plugin off."""

    def __init__(self, server: ChatServer, name: str = "author") -> None:
        self.server = server
        self.token = server.register(name)
        self.room = server.room(self.token)
        self._folder = server.folder / "data/broken"
        self._folder.mkdir(exist_ok=True)
        self._sent = 0

    def break_(self, hook: str, how: str) -> None:
        (self._folder / "trigger").write_text(f"{hook} {how}")

    def mend(self) -> None:
        (self._folder / "trigger").unlink(missing_ok=True)

    def send(self) -> httpx.Response:
        self._sent += 1
        return http.post(
            f"{self.server.url}/api/v1/rooms/{self.room}/messages",
            json={"client_id": f"m{self._sent}", "body": "hello"},
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=20,
        )

    def command(self, path: str = "") -> httpx.Response:
        self._sent += 1
        called = {"text": "/break it"} | ({} if path else {"client_id": f"m{self._sent}"})
        return http.post(
            f"{self.server.url}/api/v1/rooms/{self.room}/commands{path}",
            json=called,
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=20,
        )

    def login(self) -> httpx.Response:
        account = {"username": "author", "password": PASSWORD}
        return http.post(self.server.url + "/api/v1/login", json=account, timeout=20)

    def health(self) -> httpx.Response:
        """As it was a moment ago."""
        return http.get(self.server.url + "/health", timeout=10)

    def counted(self, hook: str, reason: str) -> float:
        return self.server.metric(
            "chatserver_hook_errors_total", plugin="broken", hook=hook, reason=reason
        )

    def blocked(self) -> float:
        return self.server.metric("chatserver_loop_blocked_total", plugin="broken")

    def named(self, text: str) -> None:
        """Wait for a line in the log that names the plugin and has this text."""
        wait_until(
            lambda: any(
                "broken" in line["message"] and text in line["message"] for line in self.errors()
            )
        )

    def errors(self) -> list[dict[str, str]]:
        return self.server.errors()


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    settings = {
        "plugins__enabled": "memory,password,metrics,broken",
        "plugins__folder": PLUGINS,
        "plugins__deadline_seconds": DEADLINE,
        "plugins__breaker_seconds": 1,
        "plugin__broken__block_seconds": BLOCK_SECONDS,
    }
    with ChatServer(tmp_path_factory.mktemp("server"), store="memory", **settings) as server:
        yield Trial(server)


@pytest.fixture(autouse=True)
def goes_on(request: pytest.FixtureRequest) -> Iterator[None]:
    """After each fault the server is as it was before."""
    yield
    if "trial" in request.fixturenames:
        trial = request.getfixturevalue("trial")
        trial.mend()
        assert trial.send().status_code == 201
        wait_until(lambda: trial.health().status_code == 200)


REASONS = {"raise": "error", "hang": "timeout", "garbage": "garbage"}


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("hook", MESSAGE_HOOKS)
def test_a_message_fails_closed(trial: Trial, hook: str, how: str) -> None:
    blocked, reason = trial.blocked(), REASONS.get(how)
    counted = trial.counted(hook, reason) if reason else 0
    trial.break_(hook, how)
    began = time.monotonic()
    answer = trial.send()
    seconds = time.monotonic() - began
    trial.mend()
    if reason:
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "plugin.failed")
        assert answer.json()["error"]["retry"] == "later"
        assert trial.counted(hook, reason) == counted + 1
        trial.named(hook)
    else:
        # The deadline of a blocking call is checked only at its end, so both answers are right.
        assert answer.status_code in (201, 503)
    if how == "block":
        wait_until(lambda: trial.blocked() > blocked)
        trial.named("blocks the event loop at Plugin._go_wrong")
    if how == "hang":
        assert seconds < DEADLINE + 60  # the machine may be busy
        record(
            FAULT, f"a hanging plugin, deadline {DEADLINE} s: answered after", f"{seconds:.1f} s"
        )


COMMAND_HOOKS = {  # by the plugin's word: the hook that is counted, and the address
    "command": ("register_commands", ""),
    "completion": ("complete_command", "/suggestions"),
}


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("word", COMMAND_HOOKS)
def test_a_command_fails_alone(trial: Trial, word: str, how: str) -> None:
    hook, path = COMMAND_HOOKS[word]
    blocked, reason = trial.blocked(), REASONS.get(how)
    counted = trial.counted(hook, reason) if reason else 0
    trial.break_(word, how)
    answer = trial.command(path)
    assert trial.send().status_code == 201
    trial.mend()
    if reason:
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "plugin.failed")
        assert trial.counted(hook, reason) == counted + 1
        trial.named(hook)
    if how == "block":
        wait_until(lambda: trial.blocked() > blocked)
        trial.named("blocks the event loop at Plugin._go_wrong")
    assert trial.command(path).status_code == 200


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("hook", ["on_event", "on_login"])
def test_an_observer_fails_alone(trial: Trial, hook: str, how: str) -> None:
    blocked, reason = trial.blocked(), {"raise": "error", "hang": "timeout"}.get(how)
    counted = trial.counted(hook, reason) if reason else 0
    trial.break_(hook, how)
    answer = trial.send() if hook == "on_event" else trial.login()
    assert answer.is_success, "the action stands"
    if reason:
        wait_until(lambda: trial.counted(hook, reason) > counted)
        trial.named(hook)
    if how == "block":
        wait_until(lambda: trial.blocked() > blocked)


def test_a_plugin_that_hangs_repeatedly_is_not_called_for_a_while(tmp_path: Path) -> None:
    settings = {
        "plugins__enabled": "memory,password,metrics,broken",
        "plugins__folder": PLUGINS,
        "plugins__deadline_seconds": DEADLINE,
        "plugins__breaker_seconds": 10,  # in which two more are sent
    }
    with ChatServer(tmp_path, store="memory", **settings) as server:
        trial = Trial(server)
        trial.break_("check_message", "hang")
        assert [trial.send().status_code for _ in range(7)] == [503] * 7
        assert trial.counted("check_message", "circuit_open") == 2
        trial.mend()
        wait_until(lambda: trial.send().status_code == 201)


def test_a_plugin_that_fails_for_one_user_refuses_nobody_else(tmp_path: Path) -> None:
    settings = {
        "plugins__enabled": "memory,password,metrics,broken",
        "plugins__folder": PLUGINS,
        "plugins__deadline_seconds": DEADLINE,
    }
    with ChatServer(tmp_path, store="memory", **settings) as server:
        attacker, victim = Trial(server, "attacker"), Trial(server, "victim")
        for how in ("raise", "hang"):
            attacker.break_("check_message", how)
            assert [attacker.send().status_code for _ in range(6)] == [503] * 6
            attacker.mend()
            assert victim.send().status_code == 201
        assert attacker.counted("check_message", "circuit_open") == 1


def test_a_hanging_observer_loses_only_its_own_events(tmp_path: Path) -> None:
    settings = {
        "plugins__enabled": "memory,password,metrics,broken",
        "plugins__folder": PLUGINS,
        "plugins__observer_queue": 5,
        "plugins__deadline_seconds": 5.0,
        "plugin__broken__hook": "on_event",
        "plugin__broken__how": "hang",
    }
    with ChatServer(tmp_path, store="memory", **settings) as server:
        trial = Trial(server)
        assert [trial.send().status_code for _ in range(20)] == [201] * 20
        assert trial.counted("on_event", "queue_full") > 0
        began = time.monotonic()
        assert server.stop() == 0
        record(
            FAULT,
            "a hanging observer: the server stops within",
            f"{time.monotonic() - began:.1f} s",
        )


@pytest.mark.parametrize("how", ["raise", "hang", "garbage", "no-json"])
def test_a_health_check_that_fails_is_named(trial: Trial, how: str) -> None:
    trial.break_("health_check", how)
    wait_until(lambda: trial.health().status_code == 503)
    checks = trial.health().json()["checks"]
    assert (checks["broken"]["status"], checks["database"]["status"]) == ("error", "ok")


@pytest.mark.parametrize("how", ["raise", "hang", "garbage"])
def test_a_route_that_fails_is_answered(trial: Trial, how: str) -> None:
    trial.break_("route", how)
    answer = http.get(trial.server.url + "/broken", timeout=10)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "plugin.failed")
    assert trial.counted("register_routes", REASONS[how]) == 1
    trial.named("register_routes")


@pytest.mark.parametrize("how", ["raise", "hang", "garbage"])
def test_the_server_stops_whatever_a_plugin_does(tmp_path: Path, how: str) -> None:
    settings = {
        "plugins__enabled": "memory,password,metrics,broken",
        "plugins__folder": PLUGINS,
        "plugins__deadline_seconds": DEADLINE,
        "plugin__broken__hook": "shutdown",
        "plugin__broken__how": how,
    }
    with ChatServer(tmp_path, store="memory", **settings) as server:
        assert server.stop() == 0
        if how != "garbage":
            assert any("plugin broken: shutdown" in line["message"] for line in server.errors())


STUBBORN = """
import asyncio, chatserver, contextlib

class Plugin:
    def __init__(self, config: chatserver.Settings, data) -> None:
        self.begun = data / "begun"

    @chatserver.hookimpl
    def register_jobs(self):
        return [chatserver.Job(name="stubborn.job", every=3600, run=self.run)]

    async def run(self):
        self.begun.parent.mkdir(parents=True, exist_ok=True)
        self.begun.touch()
        while True:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(3600)
"""


def test_the_server_stops_in_order_though_a_job_takes_no_notice(tmp_path: Path) -> None:
    folder = tmp_path / "plugins"
    folder.mkdir()
    (folder / "stubborn.py").write_text(STUBBORN)
    settings = {"plugins__enabled": "memory,password,metrics,stubborn", "plugins__folder": folder}
    with ChatServer(tmp_path, store="memory", **settings) as server:
        wait_until(lambda: (tmp_path / "data/stubborn/begun").exists())
        assert server.stop() == 0
        said = [line["message"] for line in server.errors()]
        assert any(line.startswith("job/stubborn.job does not end") for line in said)
        assert any(line.startswith("left behind: ") for line in said)
