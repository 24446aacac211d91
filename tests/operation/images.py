"""Container images for tests: a base made of Debian packages, and the server's image on it.

No registry is asked. Each process of tests has a storage of its own. What takes minutes is made once on a machine: the
base, and the server's image for each state of the checkout.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from random import SystemRandom

from tests import tools

SUITE = "trixie"
BASE_PACKAGES = ("ca-certificates", "python3", "python3-venv")
BASE = "localhost/debian-python:trixie"
SERVER = "localhost/chatserver:test"

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
default_network = "{network}"
default_subnet = "10.{second}.255.0/24"
default_subnet_pools = [{{base = "10.{second}.0.0/16", size = 24}}]
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
            # The engine's own default for these limits is higher than this process may set.
            _CONTAINERS_CONF.format(
                folder=folder,
                files=_bounded(files),
                processes=_bounded(processes),
                network=unique("net"),
                second=SystemRandom().randrange(100, 250),
            )
        )
        driver = "overlay" if _can_overlay(folder) else "vfs"
        storage.write_text(_STORAGE_CONF.format(folder=folder, driver=driver))
        self.environment = os.environ | {
            "CONTAINERS_CONF": str(containers),
            "CONTAINERS_STORAGE_CONF": str(storage),
            "BUILDAH_ISOLATION": "chroot",
            "ENGINE": "buildah",  # of deploy/image/build
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

    def add_programs(
        self, name: str, programs: Mapping[str, str], folders: Mapping[str, int] | None = None
    ) -> None:
        """Make an image of `BASE` and programs of this machine, with the C libraries that they load.

        `programs` gives each one's path in the image and its path here, `folders` the owner of each that is made.
        """
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            files = dict(programs)
            for program in programs.values():
                files |= {library: library for library in _libraries(program)}
            for inside, here in files.items():
                target = Path(folder, "root", inside.lstrip("/"))
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(here, target)
            lines = [f"FROM {BASE}", "COPY root/ /"]
            for path, owner in (folders or {}).items():
                lines.append(f"RUN mkdir -p {path} && chown {owner}:{owner} {path}")
            Path(folder, "Containerfile").write_text("\n".join([*lines, ""]))
            self.run(tools.need_tool("buildah"), "build", "--tag", name, folder)

    @contextlib.contextmanager
    def container(
        self, image: str, *command: str, options: Sequence[str] = ()
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

    def has_health_check(self) -> bool:
        shown = self.engine.podman("inspect", "--format", "{{.Config.Healthcheck}}", self.name)
        return shown.stdout.strip() not in ("", "<nil>", "<no value>")

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


def make_server(engine: Engine) -> str:
    """The name of the server's image. It is built once for each state of the checkout."""
    archive = cache() / f"chatserver-{_state_of_checkout()}.tar"
    with locked(cache() / "chatserver.lock"):
        if archive.exists():
            engine.podman("load", "--input", str(archive), timeout=BUILD_SECONDS)
            return SERVER
        build_server(engine, SERVER)
        for old in cache().glob("chatserver-*.tar"):
            old.unlink()
        part = archive.with_suffix(".part")
        engine.podman("save", "--output", str(part), SERVER, timeout=BUILD_SECONDS)
        part.rename(archive)
    return SERVER


def _state_of_checkout() -> str:
    """A digest of all that the image is made from."""
    digest = hashlib.sha256(debian(BASE_PACKAGES).name.encode())
    git = ["git", "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"]
    digest.update(subprocess.run(git, check=True, capture_output=True, cwd=tools.ROOT).stdout)
    ignore = (tools.ROOT / ".dockerignore").read_text().splitlines()
    parts = [tools.ROOT / line[1:] for line in ignore if line.startswith("!")]
    files = [file for part in parts for file in (part.rglob("*") if part.is_dir() else [part])]
    for file in sorted([*files, *(tools.ROOT / "deploy/image").iterdir()]):
        if file.is_file() and "__pycache__" not in file.parts:
            digest.update(f"{file} {file.stat().st_size}\n".encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def build_server(engine: Engine, name: str, *options: str) -> None:
    """Build the server's image from this checkout, on the base that `make_base` made.

    pip gets the settings that it has on this machine.
    """
    with tempfile.TemporaryDirectory() as folder:
        build = [str(tools.ROOT / "deploy/image/build"), name, "--build-arg", f"BASE={BASE}"]
        engine.run(*build, *pip_secrets(Path(folder)), *options, timeout=BUILD_SECONDS)


def debian(packages: Sequence[str]) -> Path:
    """A tar file with a minimal Debian and these packages, made once for this machine."""
    key = hashlib.sha256(json.dumps([SUITE, *sorted(packages)]).encode()).hexdigest()[:16]
    made = cache() / f"debian-{key}.tar"
    with locked(cache() / f"debian-{key}.lock"):
        if not made.exists():
            part = cache() / f"debian-{key}.part.tar"
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


def cache() -> Path:
    """A folder of this machine's user for what takes minutes to make."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(home, "chatserver-tests")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def pip_secrets(folder: Path) -> list[str]:
    """Options that let pip in a build reach the same index as pip on this machine; files go into `folder`."""
    pip = [sys.executable, "-m", "pip", "config", "list"]
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
