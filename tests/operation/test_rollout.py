"""deploy/rollout/rollout on two real nodes behind a real HAProxy, while clients send.

A good release goes through, a bad one goes back, and no client sees either.
"""

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.faults import trial
from tests.faults.fleet import Fleet
from tests.faults.scale import SCALE
from tests.faults.server import CHEAP_ACCOUNTS, ChatServer, http
from tests.servers import Mongod, free_port
from tests.tools import ROOT, need_tool
from tests.waiting import wait_until

ROLLOUT = ROOT / "deploy/rollout/rollout"
NODES = ("one", "two")
DONE, BACK, MISTAKE, STUCK, LOCKED = 0, 1, 2, 3, 4

HAPROXY = """
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    timeout tunnel 1h
    retries 3
    option redispatch
frontend door
    bind 127.0.0.1:{door}
    default_backend nodes
backend nodes
    balance roundrobin
    option httpchk GET /health/ready
    default-server check inter 200ms fall 1 rise 2 on-marked-up shutdown-backup-sessions
    server one 127.0.0.1:{one}
    server two 127.0.0.1:{two}
"""
# Each release is a folder with bin/chatserver, as a venv is.
GOOD = 'exec {python} -m chatserver "$@"\n'
RELEASES = {
    "1": GOOD,
    "2": GOOD,
    "crashes": "echo 'no module named chatserver' >&2; exit 1\n",
    "unready": 'exec {python} {unready} "$@"\n',
    "mute": 'exec {python} -m chatserver "$@" --set=plugins.folder={plugins} --set=plugins.enabled=mongo,password,metrics,mute\n',
    "late": GOOD,
}
UNREADY = """
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_error(503)

port = int(sys.argv[sys.argv.index("--port") + 1])
ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""
MUTE = """
import chatserver

class Plugin:
    def __init__(self, config): pass

    @chatserver.hookimpl
    async def check_message(self, draft, room, user):
        return chatserver.Refusal("mute")
"""
HOOKS = {
    "install": 'mkdir -p "$NEW" && cp -r "$SOURCES/$RELEASE/." "$NEW/"',
    "try": 'try_release "http://127.0.0.1:$TRY" "$NEW/bin/chatserver" serve --port "$TRY" '
    '--data "$FOLDER/try" --set=server.roles=connections $OPTIONS',
    "stop": 'pid=$(cat "$FOLDER/pid"); kill -TERM "$pid" 2>/dev/null || true; '
    'while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done',
    "start": 'setsid "$FOLDER/current/bin/chatserver" serve --port "$PORT" --data "$FOLDER/data" '
    '$OPTIONS >>"$FOLDER/console.log" 2>&1 </dev/null & echo $! >"$FOLDER/pid"',
    "probe": '"$PYTHON" "$PROBE_FILE" "$URL" && { [ "$RELEASE" != late ] || [ "$URL" != "http://127.0.0.1:$PORT" ]; }',
}
PROBE = """
import json, os, sys, time, urllib.request

body = json.dumps({"body": "probe", "client_id": f"probe-{os.getpid()}-{time.time_ns()}"}).encode()
url = f"{sys.argv[1]}/api/v1/rooms/{os.environ['ROOM']}/messages"
headers = {"Authorization": f"Bearer {os.environ['TOKEN']}", "Content-Type": "application/json"}
urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=10).close()
"""


class Door(ChatServer):
    """The address that clients use: that of the proxy."""

    def start(self) -> None:
        """Do nothing: the nodes behind it run."""

    def kill(self) -> None:
        """Do nothing, as `Fleet` restarts a server to see what is durable; here the nodes were restarted."""

    def memory(self) -> int:
        return 0


class Place:
    """Two nodes on one MongoDB, a proxy before them, and releases to choose from."""

    def __init__(self, folder: Path, mongod: Mongod) -> None:
        self.folder = folder
        self.ports = {name: free_port() for name in NODES}
        self.door = Door(folder / "door", store="mongo")
        self.env: dict[str, str] = {
            "SOURCES": str(folder / "sources"),
            "PYTHON": sys.executable,
            "PROBE_FILE": str(folder / "probe.py"),
            "TRY": str(free_port()),
            "OPTIONS": " ".join(
                f"--set={key}={value}"
                for key, value in {
                    "plugins.enabled": "mongo,password,metrics",
                    "plugin.mongo.uri": mongod.uri,
                    "logging.folder": "",
                    "server.drain_seconds": 1,
                    **CHEAP_ACCOUNTS,
                }.items()
            ),
        }
        self._write_releases()

    def _write_releases(self) -> None:
        (self.folder / "probe.py").write_text(PROBE)
        (self.folder / "unready.py").write_text(UNREADY)
        (self.folder / "plugins").mkdir()
        (self.folder / "plugins/mute.py").write_text(MUTE)
        for name, text in RELEASES.items():
            script = self.folder / f"sources/{name}/bin/chatserver"
            script.parent.mkdir(parents=True)
            script.write_text(
                "#!/bin/sh\n"
                + text.format(
                    python=sys.executable,
                    unready=self.folder / "unready.py",
                    plugins=self.folder / "plugins",
                )
            )
            script.chmod(0o755)

    def config(self, **changes: object) -> Path:
        """The file for the script; `changes` are of the hooks, or `settle_seconds` and the like."""
        hooks = {
            **HOOKS,
            **{
                key: text
                for key, text in changes.items()
                if key in HOOKS or key in ("plan", "migrate", "check")
            },
        }
        plain: dict[str, object] = {
            "folder": str(self.folder),
            "settle_seconds": 1,
            "ready_seconds": 30,
        }
        plain |= {key: value for key, value in changes.items() if key not in hooks}
        lines = [f"{key} = {json.dumps(value)}" for key, value in plain.items()]
        lines += ["[env]", *(f"{key} = {json.dumps(text)}" for key, text in self.env.items())]
        lines += [
            "[hooks]",
            *(f"{key} = {json.dumps(text)}" for key, text in hooks.items() if text),
        ]
        for name, port in self.ports.items():
            lines += ["[[host]]", f'name = "{name}"', f'url = "http://127.0.0.1:{port}"']
            lines += [
                f"folder = {json.dumps(str(self.folder / name))}",
                f'env = {{ PORT = "{port}" }}',
            ]
        path = self.folder / f"rollout-{time.monotonic_ns()}.toml"
        path.write_text("\n".join(lines) + "\n")
        return path

    def roll(
        self, release: str, *options: str, **changes: object
    ) -> "subprocess.CompletedProcess[str]":
        command = [str(ROLLOUT), "--config", str(self.config(**changes)), release, *options]
        return subprocess.run(command, capture_output=True, text=True, timeout=300)

    def current(self) -> dict[str, str]:
        """What runs on each node: the link, and whether the server there is ready."""
        found = {}
        for name, port in self.ports.items():
            ready = http.get(f"http://127.0.0.1:{port}/health/ready").status_code == 200
            found[name] = str((self.folder / name / "current").readlink()) if ready else "down"
        return found

    def end(self) -> None:
        """End the servers that were started here."""
        for name in NODES:
            with suppress(OSError, ValueError, psutil.NoSuchProcess):
                psutil.Process(int((self.folder / name / "pid").read_text())).kill()


@pytest.fixture(scope="module")
def mongod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongod]:
    server = Mongod(tmp_path_factory.mktemp("mongod"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def place(mongod: Mongod, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Release 1 runs, rolled out by the script itself onto empty hosts."""
    need_tool("curl")
    haproxy = need_tool("haproxy")
    place = Place(tmp_path_factory.mktemp("place"), mongod)
    config = place.folder / "haproxy.cfg"
    config.write_text(HAPROXY.format(door=place.door.port, **place.ports))
    proxy = subprocess.Popen([haproxy, "-db", "-q", "-f", str(config)])
    try:
        for name in NODES:
            (place.folder / name).mkdir()
            (place.folder / name / "pid").write_text("999999999")
        first = place.roll("1", **{"try": "", "probe": ""})
        assert first.returncode == DONE, first.stdout + first.stderr
        wait_until(place.door.is_ready)
        token = place.door.register("prober")
        place.env |= {"TOKEN": token, "ROOM": place.door.room(token, "probes")}
        yield place
    finally:
        place.end()
        proxy.send_signal(signal.SIGTERM)
        proxy.wait(30)


async def under_traffic(
    place: Place, release: str, seed: int, **changes: object
) -> "subprocess.CompletedProcess[str]":
    """Roll out while clients send. Nothing is lost, doubled or out of order, and no user is told of an error."""
    done: list[subprocess.CompletedProcess[str]] = []
    scale = SCALE._replace(clients=20, rooms=6, rate=60, seconds=1.0)
    names = f"{release}-{seed}"
    door = place.door
    plain = door.register

    def register(username: str) -> str:
        return plain(f"{username}-{names}")

    door.register = register  # type: ignore[method-assign]
    try:
        async with Fleet(door, scale, seed) as fleet:

            async def roll() -> None:
                done.append(await asyncio.to_thread(place.roll, release, **changes))

            outcome = await trial.run(fleet, roll)
    finally:
        door.register = plain  # type: ignore[method-assign]
    said = done[0].stdout + done[0].stderr
    assert outcome.findings == [], said
    assert outcome.complaints == [], said
    assert outcome.acknowledged > 100
    return done[0]


BAD: Mapping[str, tuple[str, dict[str, object], str]] = {
    "does not start, found by the trial": ("crashes", {}, "nothing was restarted"),
    "is never ready, found by the trial": (
        "unready",
        {"ready_seconds": 3},
        "nothing was restarted",
    ),
    "refuses messages, found by the trial": ("mute", {}, "nothing was restarted"),
    "does not start": ("crashes", {"try": "", "ready_seconds": 3}, "one: back to releases/1"),
    "is never ready": ("unready", {"try": "", "ready_seconds": 3}, "one: back to releases/1"),
    "fails the probe in its place": ("late", {}, "one: back to releases/1"),
}


@pytest.mark.parametrize(("release", "changes", "said"), BAD.values(), ids=BAD)
async def test_a_bad_release_goes_back_and_no_user_sees_it(
    place: Place, release: str, changes: dict[str, object], said: str
) -> None:
    before = place.current()
    seed = list(BAD.values()).index((release, changes, said))
    done = await under_traffic(place, release, seed, **changes)
    assert (done.returncode, said in done.stdout) == (BACK, True), done.stdout + done.stderr
    assert place.current() == before == dict.fromkeys(NODES, "releases/1")
    assert not (place.folder / "one/rollout.lock").exists()


async def test_a_good_release_goes_through_and_no_user_sees_it(place: Place) -> None:
    done = await under_traffic(place, "2", 100)
    assert done.returncode == DONE, done.stdout + done.stderr
    assert place.current() == dict.fromkeys(NODES, "releases/2")
    again = place.roll("2")
    assert again.returncode == BACK and "runs 2 already" in again.stdout
    back = place.roll("1")  # the old one is a release like any other
    assert back.returncode == DONE, back.stdout + back.stderr
    assert place.current() == dict.fromkeys(NODES, "releases/1")


def test_two_at_once_are_one(place: Place) -> None:
    lock = place.folder / "one/rollout.lock"
    lock.mkdir()
    (lock / "holder").write_text("3 by somebody")
    done = place.roll("2")
    assert done.returncode == LOCKED and "3 by somebody" in done.stderr
    assert place.current() == dict.fromkeys(NODES, "releases/1")
    subprocess.run([ROLLOUT, "--config", place.config(), "--unlock"], check=True)
    assert not lock.exists()


def test_a_migration_is_a_step_of_its_own_and_has_to_be_allowed(place: Place) -> None:
    made = place.folder / "migrated"
    steps = {"plan": f'[ -e "{made}" ] || echo "a step"', "migrate": f'touch "{made}"'}
    done = place.roll("late", **steps)
    assert done.returncode == BACK and "--migrate" in done.stdout and not made.exists()
    # After a migration the old release could not start, so the script stops instead.
    done = place.roll("late", "--migrate", **steps)
    assert done.returncode == STUCK and made.exists(), done.stdout
    assert place.current()["two"] == "releases/1"
    assert (place.folder / "one/rollout.lock").exists()
    subprocess.run([ROLLOUT, "--config", place.config(), "--unlock"], check=True)
    done = place.roll("1", **{"try": "", "probe": ""})
    assert "two runs 1 already" in done.stdout
    (place.folder / "two/current").unlink()
    assert place.roll("1", **{"try": "", "probe": ""}).returncode == DONE


def test_an_interrupted_rollout_goes_back(place: Place) -> None:
    slow = HOOKS["start"] + '; [ "$RELEASE" = 1 ] || { echo started >"$FOLDER/started"; sleep 3; }'
    command = [str(ROLLOUT), "--config", str(place.config(start=slow, **{"try": ""})), "2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        wait_until((place.folder / "one/started").exists)
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=120)
    assert process.returncode == BACK, said
    assert place.current() == dict.fromkeys(NODES, "releases/1")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("folder = 1\n[hooks]\n", "'host' is missing"),
        ('folder = "/x"\nhost = []\n[hooks]\nstop = "a"\n', "hooks.install is missing"),
        ("folder = \n", "Invalid value"),
    ],
)
def test_mistakes_in_the_file_are_named(tmp_path: Path, text: str, named: str) -> None:
    (tmp_path / "rollout.toml").write_text(text)
    command = [sys.executable, str(ROLLOUT), "--config", str(tmp_path / "rollout.toml"), "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == MISTAKE and named in done.stderr, done.stderr
