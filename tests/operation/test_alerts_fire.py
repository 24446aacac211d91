"""Real faults of real servers: Prometheus fires, Alertmanager delivers to Slack, PagerDuty and by mail, and resolves.

Rules and configuration are the shipped ones with short windows (`observing/shortened.py`). Several faults are
caused at once, in three phases: parts that fail, the database and the bus, whole processes. No alert is left out.
"""

import asyncio
import contextlib
import datetime
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import asyncpg
import httpx
import psutil
import pytest
import trustme

from tests.buses.servers import BusServer, redis_server
from tests.faults.server import PASSWORD, ChatServer, http
from tests.operation.observing import shortened
from tests.operation.observing.programs import Alertmanager, Program, Prometheus
from tests.operation.observing.receivers import Receivers
from tests.servers import Postgres, free_port
from tests.tools import need_root, need_tool
from tests.waiting import wait_until

PATIENCE_SECONDS = 150.0  # for all alerts of a phase, on a busy machine
PLUGINS = Path(__file__).parent / "observing/plugins"
MEBIBYTE, GIBIBYTE = 1 << 20, 1 << 30
PAGE = {"slack", "pagerduty", "mail"}
TEAM = {"slack", "mail"}


class Secure(ChatServer):
    """A server that ends TLS itself."""

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"


class World:
    """All that runs, and what fired so far."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.fired = set[str]()
        self.stack = contextlib.ExitStack()
        self._ended = threading.Event()

    # -- starting ------------------------------------------------------------------------------------

    def start(self) -> None:
        """Returns when all run, and Prometheus has seen all targets for longer than the windows."""
        enter = self.stack.enter_context
        self.receivers = enter(Receivers())
        self.stack.callback(self._ended.set)
        self._start_store()
        self._start_nodes()
        self._start_disks()
        self._start_probe()
        self._start_exporters()
        self._start_prometheus()

    def _start_store(self) -> None:
        self.primary = Postgres(self.folder / "primary")
        self.primary.start()
        self.stack.callback(_ended, self.primary)
        self.standby = Postgres.standby(self.folder / "standby", self.primary)
        self.standby.start()
        self.stack.callback(_ended, self.standby)
        self.bus: BusServer = self.stack.enter_context(redis_server())
        hosts = f"127.0.0.1:{self.primary.port},127.0.0.1:{self.standby.port}"
        self.uri = f"postgresql://chat@{hosts}/postgres"

    def _start_nodes(self) -> None:
        logs, group = self.folder / "logs", self.folder / "group"
        for each in (logs, group):
            each.mkdir()
        _mount("tmpfs", logs, "-o", "size=2m")
        self.stack.callback(_unmount, logs)
        self.logs, self.group = logs, group
        self.use_memory(0.1)
        self.target = self.folder / "target"
        self.target.mkdir()
        shared = {
            "plugin__postgres__uri": self.uri,
            "plugin__redis_bus__uri": f"redis://127.0.0.1:{self.bus.port}",
            "plugins__folder": PLUGINS,
            "backup__folder": self.folder / "backups",
        }
        self.a = ChatServer(
            self.folder / "a",
            store="postgres,redis_bus,audit,disk_blobs,faulty",
            within=_within_group(group),
            plugins__deadline_seconds=5,
            backup__every_hours=1000,
            backup__ship_seconds=1,
            backup__targets=f"file://{self.target}",
            logging__folder=logs,
            **shared,
        )
        self.a.start()
        self.stack.callback(self.a.kill)
        self.b = ChatServer(
            self.folder / "b",
            store="postgres,redis_bus,audit,faulty",
            workers=2,
            server__roles="connections",
            **shared,
        )
        self.b.start()
        self.stack.callback(self.b.kill)
        self.chain = self.folder / "chain.pem"
        self.renew(days=1)
        self.c_inside = free_port()
        self.c = Secure(
            self.folder / "c",
            store="sqlite,faulty",
            plugins__folder=PLUGINS,
            server__internal_port=self.c_inside,
            server__tls_certificate=self.chain,
            server__tls_key=self.folder / "key.pem",
        )
        self.c.start()
        self.stack.callback(self.c.kill)

    def _start_disks(self) -> None:
        """A disk of the machine, and one of server C that hangs while its program is stopped."""
        self.disk = self.folder / "disk"
        self.disk.mkdir()
        image = self.folder / "disk.img"
        image.touch()
        os.truncate(image, 16 * MEBIBYTE)
        subprocess.run([need_tool("mkfs.ext4"), "-q", image], check=True)
        subprocess.run(["mount", "-o", "loop", image, self.disk], check=True)
        self.stack.callback(_unmount, self.disk)
        # Folders that a plugin may have are asked for their space, and this one is otherwise unused.
        self.remote = self.c.folder / "data/password"
        parts = {name: self.folder / f"remote-{name}" for name in ("lower", "upper", "work")}
        for each in (self.remote, *parts.values()):
            each.mkdir(exist_ok=True)
        options = ",".join(f"{name}dir={path}" for name, path in parts.items())
        command = [need_tool("fuse-overlayfs"), "-f", "-o", options, self.remote]
        self.remote_program = psutil.Popen(command)
        self.stack.callback(_unmount, self.remote)
        self.stack.callback(self._end_remote)
        wait_until(self.remote.is_mount)

    def _end_remote(self) -> None:
        self.remote_program.kill()  # even while it is stopped; who waits for its disk gets an error
        self.remote_program.wait(30)

    def _start_probe(self) -> None:
        self.token = self.a.register("operator")
        self.room = self.a.room(self.token)
        for name in ("probe-a", "probe-b"):
            self.a.register(name)
        accounts = self.folder / "accounts"
        accounts.write_text(f"probe-a {PASSWORD}\nprobe-b {PASSWORD}\n")
        self.probe_port = free_port()
        self.run_probe()
        self.stack.callback(self.end_probe)

    def run_probe(self) -> None:
        command = [sys.executable, "-m", "chatserver", "probe", self.a.url, "--every", "2"]
        options = ["--timeout", "4", "--listen", f"127.0.0.1:{self.probe_port}"]
        accounts = ["--accounts", str(self.folder / "accounts")]
        with (self.folder / "probe.log").open("ab") as log:
            self.probe = psutil.Popen([*command, *options, *accounts], stdout=log, stderr=log)

    def end_probe(self) -> None:
        if self.probe.poll() is None:
            self.probe.kill()
        self.probe.wait()

    def _start_exporters(self) -> None:
        enter = self.stack.enter_context
        textfiles = self.folder / "textfiles"
        textfiles.mkdir()
        self.metrics = textfiles / "drill.prom"
        self.meminfo = self.folder / "meminfo"
        self.use_machine_memory(0.1)
        self.node = enter(
            Program(
                self.folder,
                "prometheus-node-exporter",
                "--web.listen-address=127.0.0.1:{port}",
                f"--collector.textfile.directory={textfiles}",
                f"--collector.filesystem.mount-points-include=^{self.disk}$",  # not those of this machine
                within=_with(f"mount --bind {self.meminfo} /proc/meminfo"),
            )
        )
        modules = shortened.OBSERVE / "blackbox.yml"
        self.blackbox = enter(
            Program(
                self.folder,
                "prometheus-blackbox-exporter",
                "--web.listen-address=127.0.0.1:{port}",
                f"--config.file={modules}",
            )
        )
        self.shipper = ThreadingHTTPServer(("127.0.0.1", 0), _Status)
        threading.Thread(target=self.shipper.serve_forever, daemon=True).start()

    def _start_prometheus(self) -> None:
        config = self.folder / "observe"
        config.mkdir()
        self.names = shortened.rules(config / "rules")
        # A fault of rules themselves: the join finds several on both sides.
        broken = {"alert": "Broken", "expr": "up * on (job) up{job='chatserver'}"}
        group = {"groups": [{"name": "broken", "rules": [broken]}]}
        self.broken = config / "rules/broken.yml"
        self.broken.write_text(json.dumps(group))
        receivers = self.receivers
        self.alertmanager = Alertmanager(
            self.folder,
            shortened.alertmanager(
                self.folder / "alertmanager-config", receivers.urls, receivers.smarthost
            ),
        )
        self.stack.enter_context(self.alertmanager)
        prometheus = Prometheus(self.folder, config / "prometheus.yml")
        shortened.prometheus(
            config / "prometheus.yml",
            {
                "chatserver": [f"127.0.0.1:{self.a.port}", f"127.0.0.1:{self.b.port}"],
                "trial": [f"127.0.0.1:{self.c_inside}"],
                "chatserver-probe": [f"127.0.0.1:{self.probe_port}"],
                "public": [f"{self.a.url}/health/ready"],
                "log-shipper": [f"http://127.0.0.1:{self.shipper.server_port}/"],
                "node": [self.node.address],
                "prometheus": [prometheus.address],
                "alertmanager": [self.alertmanager.address],
            },
            self.blackbox.address,
            self.alertmanager.address,
        )
        self.prometheus = prometheus
        self.stack.enter_context(prometheus)
        threading.Thread(target=self._collect, daemon=True).start()
        wait_until(lambda: len(prometheus.query("up offset 12s == 1")) >= 7, PATIENCE_SECONDS)

    def _collect(self) -> None:
        while not self._ended.wait(0.3):
            with contextlib.suppress(httpx.HTTPError):
                self.fired |= {name for name, _ in self.prometheus.firing()}

    # -- faults --------------------------------------------------------------------------------------

    def fault(self, name: str, server: ChatServer) -> Path:
        """The file while which the plugin of a server has this fault."""
        return server.folder / "data/faulty" / name

    def use_memory(self, share: float) -> None:
        """Let the control group of node A have used this share of its limit of a gibibyte."""
        used = str(int(share * GIBIBYTE))
        for name in ("memory.usage_in_bytes", "memory.current"):
            (self.group / name).write_text(used)
        for name in ("memory.limit_in_bytes", "memory.max"):
            (self.group / name).write_text(str(GIBIBYTE))

    def use_machine_memory(self, share: float) -> None:
        """Let the machine have used this share of its memory, for the node exporter."""
        lines = Path("/proc/meminfo").read_text().splitlines()
        total = int(lines[0].split()[1])
        free = f"MemAvailable: {int((1 - share) * total)} kB"
        changed = [free if line.startswith("MemAvailable") else line for line in lines]
        self.meminfo.write_text("\n".join(changed) + "\n")

    def spoil_vault(self) -> tuple[Path, Path]:
        """Add a file of 20 GB to those beside the backups, and put a folder where their lock is; both paths."""
        vault = self.folder / "backups/files"
        (vault / "plain/ab").mkdir(parents=True, exist_ok=True)
        large = vault / "plain/ab" / ("ab" * 32)
        large.touch()
        os.truncate(large, 20_000_000_000)
        lock = vault / ".lock"
        lock.unlink(missing_ok=True)
        lock.mkdir()
        return large, lock

    def renew(self, days: float) -> None:
        """Give server C, from its next start on, a certificate that ends in so many days."""
        now = time.time()
        authority = trustme.CA()
        issued = authority.issue_cert("127.0.0.1", not_after=_utc(now + days * 86400))
        issued.private_key_pem.write_to_path(self.folder / "key.pem")
        issued.cert_chain_pems[0].write_to_path(self.chain)

    @contextlib.contextmanager
    def again_and_again(self, action: Callable[[], object], pause: float) -> Iterator[None]:
        """Repeat an action in a thread of its own until the end, whatever it raises."""
        ended = threading.Event()

        def repeat() -> None:
            while not ended.wait(pause):
                with contextlib.suppress(Exception):
                    action()

        thread = threading.Thread(target=repeat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join(30)

    def send(self, body: str) -> httpx.Response:
        return http.post(
            f"{self.a.url}/api/v1/rooms/{self.room}/messages",
            json={"client_id": os.urandom(8).hex(), "body": body},
            headers={"Authorization": f"Bearer {self.token}"},
        )

    def speak_nonsense(self) -> None:
        """A WebSocket connection that breaks the protocol; the server closes it with an error."""
        asyncio.run(_speak_nonsense(self.a.port, self.token))

    def execute(self, server: Postgres, *statements: str) -> None:
        asyncio.run(_execute(server.uri, statements))

    def hold_lock(self) -> None:
        """Make writes wait for almost as long as the store is given: somebody holds a lock."""
        self.execute(
            self.primary,
            "BEGIN; LOCK TABLE chatserver.installation IN EXCLUSIVE MODE;"
            "LOCK TABLE chatserver.events IN EXCLUSIVE MODE; SELECT pg_sleep(2); COMMIT",
        )

    # -- what came of it -----------------------------------------------------------------------------

    def expect(self, told: dict[str, set[str]], fired: set[str]) -> None:
        """Wait until the alerts in `told` have reached these services, and those in `fired` have fired.

        Those in `fired` may be muted by a cause.
        """

        def missing() -> list[str]:
            late = [
                f"{name}: {services - self.receivers.services(name, 'firing')} not told"
                for name, services in told.items()
                if services - self.receivers.services(name, "firing")
            ]
            return late + [f"{name} did not fire" for name in (fired | told.keys()) - self.fired]

        self._wait(missing)

    def expect_resolved(self, told: dict[str, set[str]]) -> None:
        """Wait until these services were told that these alerts are over."""
        self._wait(
            lambda: [
                f"{name}: {services - self.receivers.services(name, 'resolved')} not told it is over"
                for name, services in told.items()
                if services - self.receivers.services(name, "resolved")
            ]
        )

    def _wait(self, missing: Callable[[], list[str]]) -> None:
        try:
            wait_until(lambda: not missing(), PATIENCE_SECONDS)
        except TimeoutError:
            now = sorted({name for name, _ in self.prometheus.firing()})
            pytest.fail("\n".join([*missing(), f"firing now: {now}"]))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    need_root()
    folder = tmp_path_factory.mktemp("world")
    folder.chmod(0o755)
    world = World(folder)
    with world.stack:
        world.start()
        yield world


def test_parts_that_fail(world: World) -> None:
    """Phase 1: plugins, requests, sockets, the loop, disk, memory, certificate, backups, drills, rules."""
    faults = [world.fault(name, world.a) for name in ("stuck", "dead", "hang", "job", "deaf")]
    for file in faults:
        file.touch()
    filler = world.logs / "filler"
    with contextlib.suppress(OSError):
        filler.write_bytes(b"x" * 2_000_000)
    machine_filler = world.disk / "filler"
    machine_filler.write_bytes(b"x" * 12 * MEBIBYTE)
    world.use_memory(0.9)
    world.use_machine_memory(0.9)
    world.remote_program.suspend()
    away = world.target.rename(world.folder / "away")
    large, lock = world.spoil_vault()
    worker = world.b.process.children()[0]
    worker.send_signal(signal.SIGSTOP)
    command = [sys.executable, "-m", "chatserver", "drill", "--metrics", str(world.metrics)]
    settings = {"plugins.enabled": "postgres,password", "plugin.postgres.uri": _nowhere()}
    settings["plugin.postgres.start_seconds"] = "0.1"
    given = [f"--set={key}={value}" for key, value in settings.items()]
    drill = subprocess.run([*command, *given], capture_output=True, cwd=world.folder)
    assert drill.returncode != 0
    warnings = {
        *(
            "ResponsesSlow",
            "MemoryHigh",
            "DiskFull",
            "WebSocketErrors",
            "WorkerDown",
            "LoopBlocked",
        ),
        *("LoopSlow", "PluginFailing", "ObserverBehind", "ConsumerBehind", "ConsumerDeadLetters"),
        "TimerDeadLetters",
        *("JobFailing", "BackupMissing", "BackupNotVerified"),
        "BackupFilesGrowing",
        *("MachineDiskFull", "MachineMemoryHigh"),
    }
    pages = {
        *("ErrorRateHigh", "AvailabilityBudgetBurn", "ProbeFailing", "CertificateEnds"),
        *("DrillFailed", "RulesFailing", "BackupTooOld"),
        *("BackupTargetFailing", "BackupTargetBehind", "BackupFilesFailing", "DiskUnreadable"),
    }
    with contextlib.ExitStack() as stack:
        for action, pause in (
            (lambda: world.send("boom"), 0.3),
            (lambda: world.send("hello"), 0.3),
            (lambda: http.get(f"{world.a.url}/faulty/fail"), 0.2),
            (lambda: http.get(f"{world.a.url}/faulty/slow"), 0.05),
            (lambda: http.get(f"{world.a.url}/faulty/slow"), 0.05),
            (world.speak_nonsense, 0.5),
            (lambda: http.get(f"{world.c.url}/faulty/block"), 0.05),
        ):
            stack.enter_context(world.again_and_again(action, pause))
        world.expect(
            dict.fromkeys(warnings, TEAM) | dict.fromkeys(pages, PAGE),
            {"CertificateEndsSoon", "Watchdog", "DrillTooOld"},
        )
    # All is mended.
    for file in faults:
        file.unlink()
    filler.unlink()
    machine_filler.unlink()
    world.use_memory(0.1)
    world.use_machine_memory(0.1)
    world.remote_program.resume()
    away.rename(world.target)
    large.unlink()  # its content is not what its name says
    lock.rmdir()
    worker.send_signal(signal.SIGCONT)
    world.renew(days=90)
    world.c.stop()
    world.c.start()
    world.broken.unlink()
    world.prometheus._process.send_signal(signal.SIGHUP)
    world.a.command("backup")
    world.a.command("backup", "verify")
    mended = (warnings | pages) - {"BackupMissing", "DrillFailed"}
    world.expect_resolved(
        dict.fromkeys(mended & warnings, TEAM) | dict.fromkeys(mended & pages, PAGE)
    )
    assert world.receivers.services("CertificateEndsSoon", "firing") == set()  # muted by the louder
    assert world.receivers.services("Watchdog", "firing") == set()
    assert world.receivers.heartbeats > 5


def test_the_database_and_the_bus(world: World) -> None:
    """Phase 2: slow, behind, away, failed over; and a Slack that takes nothing."""
    world.execute(world.primary, "SELECT pg_create_physical_replication_slot('lost')")
    world.standby.freeze()
    world.bus.freeze()
    with (
        world.again_and_again(world.hold_lock, 0.05),
        world.again_and_again(lambda: world.send("hello"), 0.2),
    ):
        world.expect(
            {
                "StoreReplicaBehind": TEAM,
                "StoreReplicaDown": TEAM,
                "BusDeaf": TEAM,
                "StoreSlow": TEAM,
                "AcknowledgementBudgetBurn": PAGE,
            },
            {"AppendsWaiting"},
        )
    world.bus.thaw()
    world.standby.thaw()
    world.execute(world.primary, "SELECT pg_drop_replication_slot('lost')")
    world.expect_resolved({"StoreReplicaBehind": TEAM, "StoreReplicaDown": TEAM, "BusDeaf": TEAM})

    world.receivers.slack_status = 404
    world.primary.freeze()
    with world.again_and_again(lambda: world.send("hello"), 0.2):
        told = {"StoreDown": {"pagerduty", "mail"}, "AlertsNotDelivered": {"pagerduty", "mail"}}
        world.expect(told, {"BackupShippingBehind"})
        world.receivers.slack_status = 200
        world.primary.kill()
        world.execute(world.standby, "SELECT pg_promote()")
        world.expect({"StoreFailover": TEAM, "StoreReplicaMissing": TEAM}, set())
    world.expect_resolved({"StoreDown": PAGE, "StoreFailover": TEAM})
    assert world.send("after the failover").status_code == 201


def test_processes_that_die(world: World) -> None:
    """Phase 3: nodes, exporters, the probe, Prometheus and Alertmanager; the last two take nothing with them."""
    world.shipper.shutdown()
    world.shipper.server_close()
    world.end_probe()
    world.b.kill()
    world.expect(
        {"NodeDown": TEAM, "ExporterDown": TEAM, "LogShipperDown": TEAM, "ProbeMissing": TEAM},
        set(),
    )
    world.a.kill()
    world.expect({"ChatserverDown": PAGE}, {"PublicAddressDown"})
    world.a.start()
    world.b.start()
    world.run_probe()
    world.expect_resolved({"ChatserverDown": PAGE, "NodeDown": TEAM, "ProbeMissing": TEAM})

    world.alertmanager.kill()
    world.expect({}, {"AlertmanagerMissing"})
    beats = world.receivers.heartbeats
    assert world.send("nobody watches").status_code == 201
    time.sleep(3)
    assert world.receivers.heartbeats == beats, "the dead man's switch must notice"
    world.alertmanager.start()
    world.expect({"AlertmanagerMissing": PAGE}, set())
    wait_until(lambda: world.receivers.heartbeats > beats)

    world.prometheus.kill()
    assert world.send("nobody counts").status_code == 201
    assert http.get(f"{world.a.url}/health/ready").status_code == 200
    assert world.names <= world.fired, "all alerts that are shipped were caused"


class _Status(BaseHTTPRequestHandler):
    """The status page of a log shipper."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *arguments: object) -> None:
        pass


def _ended(server: Postgres) -> None:
    if server.is_running():
        server.kill()


def _mount(kind: str, folder: Path, *options: str) -> None:
    subprocess.run(["mount", "-t", kind, *options, kind, str(folder)], check=True)


def _unmount(folder: Path) -> None:
    subprocess.run(["umount", "-l", str(folder)], check=True)


def _within_group(folder: Path) -> list[str]:
    """A command that becomes another one, for which the files in `folder` are its memory control group."""
    places = ("/sys/fs/cgroup/memory", "/sys/fs/cgroup")  # of version 1, and of version 2
    place = next(each for each in places if Path(each).is_dir())
    return _with(f"mount --bind {folder} {place}")


def _with(mount: str) -> list[str]:
    """A command that becomes another one, which alone sees this mount."""
    script = f'{mount} && exec "$@"'
    return [shutil.which("unshare") or "unshare", "--mount", "sh", "-c", script, "sh"]


def _nowhere() -> str:
    return f"postgresql://chat@127.0.0.1:{free_port()}/postgres"


def _utc(at: float) -> "datetime.datetime":
    return datetime.datetime.fromtimestamp(at, datetime.UTC)


async def _execute(uri: str, statements: tuple[str, ...]) -> None:
    connection = await asyncpg.connect(uri, timeout=10)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def _speak_nonsense(port: int, token: str) -> None:
    from tests.protocol.client import Client

    async with Client(port, token) as client:
        client.text(b"nonsense")
        await client.closed()
