"""Container images for tests: a base made of Debian packages, and the server's image on it.

No registry is asked. Each process of tests has a storage of its own; what takes minutes is made once: the base for all
runs on the machine, the server's image for the processes of one run.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import SystemRandom

from tests import tools

SUITE = "trixie"
BASE_PACKAGES = ("ca-certificates", "python3", "python3-venv")
BASE = "localhost/debian-python:trixie"
SERVER = "localhost/chatserver:test"
CONTAINERFILE = tools.ROOT / "deploy/image/Containerfile"
SOURCE_DATE_EPOCH = 1_750_000_000  # any time of the past

# How the container that is shipped is meant to run.
CONFINED = ("--read-only", "--cap-drop", "all", "--security-opt", "no-new-privileges")

BUILD_SECONDS = 900
STOP_SECONDS = 90

_CONTAINERS_CONF = """
[containers]
default_ulimits = ["nofile={files}:{files}", "nproc={processes}:{processes}"]
log_driver = "k8s-file"

[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
lock_type = "file"
static_dir = "{folder}/libpod"
tmp_dir = "{folder}/run/libpod"
volume_path = "{folder}/volumes"

[network]
network_config_dir = "{folder}/networks"
"""

_STORAGE_CONF = """
[storage]
driver = "{driver}"
graphroot = "{folder}/storage"
runroot = "{folder}/run/storage"
"""


class Engine:
    """buildah and podman with storage, networks and volumes of their own, in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        processes = resource.getrlimit(resource.RLIMIT_NPROC)[1]
        containers, storage = folder / "containers.conf", folder / "storage.conf"
        containers.write_text(
            # Without these limits the engine asks for higher ones than a container of a test runner may have.
            _CONTAINERS_CONF.format(
                folder=folder, files=_bounded(files), processes=_bounded(processes)
            )
        )
        driver = "overlay" if _can_overlay(folder) else "vfs"
        storage.write_text(_STORAGE_CONF.format(folder=folder, driver=driver))
        self.environment = os.environ | {
            "CONTAINERS_CONF": str(containers),
            "CONTAINERS_STORAGE_CONF": str(storage),
            "BUILDAH_ISOLATION": "chroot",
            "PODMAN_IGNORE_CGROUPSV1_WARNING": "1",
        }

    def podman(
        self, *arguments: str, check: bool = True, timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Run podman; with `check` a failure is an error that shows what it wrote."""
        return self.run(tools.need_tool("podman"), *arguments, check=check, timeout=timeout)

    def run(
        self, *command: str, check: bool = True, timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Run a program that uses this storage."""
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=timeout, env=self.environment
        )
        assert not check or done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done

    def build(self, name: str, containerfile: Path, context: Path, *options: str) -> None:
        """Build an image that pip can fill as it would on this machine."""
        with tempfile.TemporaryDirectory() as folder:
            self.run(
                *(tools.need_tool("buildah"), "build", "--format", "docker", "--tag", name),
                *("--file", str(containerfile), *pip_secrets(Path(folder)), *options, str(context)),
                timeout=BUILD_SECONDS,
            )

    def add_programs(self, name: str, *programs: str, base: str = BASE) -> None:
        """Make an image of `base` and programs of this machine, with the C libraries that they load."""
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            root = Path(folder, "root")
            for file in {each for program in programs for each in (program, *_libraries(program))}:
                target = root / file.lstrip("/")
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file, target)
            # Libraries go where the loader looks last: the base's own of the same name are taken first.
            Path(folder, "Containerfile").write_text(f"FROM {base}\nCOPY root/ /\n")
            self.build(name, Path(folder, "Containerfile"), Path(folder))

    @contextlib.contextmanager
    def container(
        self, image: str, *command: str, options: Sequence[str] = ("--network", "host")
    ) -> Iterator["Container"]:
        """A container in the background, removed at the end."""
        name = unique("test")
        self.podman("run", "--detach", "--name", name, *options, image, *command)
        try:
            yield Container(self, name)
        finally:
            self.podman("rm", "--force", "--time", "0", name, check=False)

    def close(self) -> None:
        """End and remove everything that was made here."""
        for command in (
            ("pod", "rm", "--all", "--force", "--time", "0"),
            ("rm", "--all", "--force", "--time", "0"),
            ("network", "prune", "--force"),
        ):
            self.podman(*command, check=False)
        shutil.rmtree(self.folder)


class Container:
    """One container, by its name."""

    def __init__(self, engine: Engine, name: str) -> None:
        self.engine = engine
        self.name = name

    def logs(self) -> str:
        """What it wrote to its standard output and error."""
        done = self.engine.podman("logs", self.name)
        return done.stdout + done.stderr

    def execute(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command in it."""
        return self.engine.podman("exec", self.name, *command, check=check)

    def is_running(self) -> bool:
        return self._state("Running") == "true"

    def is_healthy(self) -> bool:
        """Whether its health check passes now. (Without systemd nothing else runs the check.)"""
        return self.engine.podman("healthcheck", "run", self.name, check=False).returncode == 0

    def kill(self, signal: str = "KILL") -> None:
        self.engine.podman("kill", "--signal", signal, self.name)

    def wait(self, timeout: float = STOP_SECONDS) -> int:
        """Its exit code, once it has ended."""
        return int(self.engine.podman("wait", self.name, timeout=timeout).stdout)

    def _state(self, field: str) -> str:
        shown = self.engine.podman("inspect", "--format", f"{{{{.State.{field}}}}}", self.name)
        return shown.stdout.strip()


def make_base(engine: Engine) -> str:
    """The name of an image with Debian's Python, in the engine's storage."""
    engine.podman("import", str(debian(BASE_PACKAGES)), BASE, timeout=BUILD_SECONDS)
    return BASE


def make_server(engine: Engine, shared: Path) -> str:
    """The name of the server's image. `shared` is a folder of all processes of this run, which builds it once."""
    archive = shared / "chatserver-image.tar"
    with locked(shared / "chatserver-image.lock"):
        if not archive.exists():
            build_server(engine, SERVER)
            engine.podman("save", "--output", f"{archive}.part", SERVER, timeout=BUILD_SECONDS)
            Path(f"{archive}.part").rename(archive)
            return SERVER
    engine.podman("load", "--input", str(archive), timeout=BUILD_SECONDS)
    return SERVER


def build_server(engine: Engine, name: str) -> None:
    """Build the server's image from this checkout, on the base that `make_base` made."""
    options = (
        "--timestamp",
        str(SOURCE_DATE_EPOCH),
        "--build-arg",
        f"BASE={BASE}",
        "--layers=false",
    )
    engine.build(name, CONTAINERFILE, tools.ROOT, *options)


def debian(packages: Sequence[str]) -> Path:
    """A tar file with a minimal Debian and these packages, made once for this machine."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "chatserver-tests")
    cache.mkdir(parents=True, exist_ok=True)
    key = hashlib.sha256(json.dumps([SUITE, *sorted(packages)]).encode()).hexdigest()[:16]
    made = cache / f"debian-{key}.tar"
    with locked(cache / f"debian-{key}.lock"):
        if not made.exists():
            part = cache / f"debian-{key}.part.tar"
            include = f"--include={','.join(packages)}"
            command = [
                tools.need_tool("mmdebstrap"),
                "--variant=minbase",
                include,
                SUITE,
                str(part),
            ]
            done = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_SECONDS)
            assert done.returncode == 0, done.stderr
            part.rename(made)
    return made


def pip_secrets(folder: Path) -> list[str]:
    """Options that let pip in a build reach the same index as pip on this machine; files go into `folder`."""
    pip = [str(tools.ROOT / ".venv/bin/python"), "-m", "pip", "config", "list"]
    shown = subprocess.run(pip, check=True, capture_output=True, text=True).stdout
    settings = {}
    for line in shown.splitlines():
        key, _, value = line.partition("=")
        settings[key.removeprefix(":env:.").removeprefix("global.").removeprefix("install.")] = (
            value
        )
    wanted = ("index-url", "extra-index-url", "trusted-host", "proxy", "default-timeout", "timeout")
    lines = [f"{key} = {settings[key].strip(chr(39))}" for key in wanted if key in settings]
    options = []
    if "cert" in settings:
        lines.append("cert = /run/secrets/ca.pem")
        options += ["--secret", f"id=ca,src={settings['cert'].strip(chr(39))}"]
    (folder / "pip.conf").write_text("\n".join(["[global]", *lines, ""]))
    return [*options, "--secret", f"id=pip,src={folder / 'pip.conf'}"]


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock that excludes other processes."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def unique(prefix: str) -> str:
    """A name that no other test on this machine uses."""
    return f"{prefix}-{SystemRandom().randrange(16**8):08x}"


def wait_until_healthy(container: Container, seconds: float = 120) -> None:
    """Return when the health check passes; a container that ends before is an error."""
    deadline = time.monotonic() + seconds
    while not container.is_healthy():
        assert container.is_running(), container.logs()
        assert time.monotonic() < deadline, container.logs()
        time.sleep(0.2)


def _bounded(limit: int) -> int:
    return 1_048_576 if limit == resource.RLIM_INFINITY else min(limit, 1_048_576)


def _can_overlay(folder: Path) -> bool:
    """Whether file systems can be laid over each other here; if not, each container is a copy (vfs)."""
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        for name in ("lower", "upper", "work", "merged"):
            Path(scratch, name).mkdir()
        layers = f"lowerdir={scratch}/lower,upperdir={scratch}/upper,workdir={scratch}/work"
        mount = ["mount", "-t", "overlay", "overlay", "-o", layers, f"{scratch}/merged"]
        if subprocess.run(mount, capture_output=True).returncode != 0:
            return False
        subprocess.run(["umount", f"{scratch}/merged"], check=True)
        return True


def _libraries(program: str) -> list[str]:
    """Paths of the C libraries that a program loads."""
    shown = subprocess.run(["ldd", program], capture_output=True, text=True).stdout
    words = [word for line in shown.splitlines() for word in line.split()]
    return [word for word in words if word.startswith("/") and "/ld-linux" not in word]
