"""The manifests under `podman kube play`: what it lacks is put in its way of saying it, all else stays as built."""

import contextlib
import copy
import ctypes
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests import tools
from tests.operation import images, manifests
from tests.operation.manifests import Document

PLAYED = ("ConfigMap", "Secret", "Deployment", "StatefulSet", "Job")
CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def for_podman(
    documents: Sequence[Document], local: Mapping[str, str], folder: Path
) -> list[Document]:
    """The documents that podman can play. `local` has the image to take for each name of an image.

    Podman makes Pods of Deployments, not of StatefulSets, and puts no variables into others ($(POD_NAME)). It has
    no fsGroup: volumes are folders in `folder` that belong to that group.
    """
    wanted = [each for each in documents if each["kind"] in PLAYED and not _is_empty(each)]
    played = [_as_deployment(copy.deepcopy(each)) for each in wanted]
    for workload in manifests.workloads(played):
        spec, name = workload.spec, workload.document["metadata"]["name"]
        # All Pods share one network of the test, where the names of the database lead to loopback.
        spec["hostNetwork"] = True
        for volume in spec["volumes"]:
            _as_folder(volume, folder, name, spec["securityContext"]["fsGroup"])
        for container in workload.containers:
            container["image"] = local[container["image"].partition("@")[0].rpartition(":")[0]]
            for variable in container.get("env", ()):
                if "value" in variable:
                    variable["value"] = variable["value"].replace("$(POD_NAME)", f"{name}-pod")
    return played


def _as_folder(volume: Document, folder: Path, pod: str, group: int) -> None:
    """Claims by their name, which Pods may share; the others for each Pod."""
    if "secret" in volume:
        volume["secret"]["defaultMode"] = 0o444
    claim = volume.pop("persistentVolumeClaim", None)
    if claim is not None:
        made = folder / "claims" / claim["claimName"]
    elif volume.pop("emptyDir", None) is not None:
        made = folder / "scratch" / pod / volume["name"]
    else:
        return
    made.mkdir(parents=True, exist_ok=True)
    os.chown(made, 0, group)
    made.chmod(0o2770)
    volume["hostPath"] = {"path": str(made), "type": "Directory"}


def _is_empty(document: Document) -> bool:
    return bool(document.get("spec", {}).get("replicas") == 0)


def _as_deployment(document: Document) -> Document:
    """A StatefulSet's first Pod, with the claims that Kubernetes would make for it."""
    if document["kind"] == "StatefulSet":
        name = document["metadata"]["name"]
        document["kind"] = "Deployment"
        for template in document["spec"].pop("volumeClaimTemplates"):
            volume = template["metadata"]["name"]
            reference = {
                "name": volume,
                "persistentVolumeClaim": {"claimName": f"{volume}-{name}-0"},
            }
            document["spec"]["template"]["spec"]["volumes"].append(reference)
    return document


class Cluster:
    """Pods in a network namespace of their own, so that they have the ports that the manifests name."""

    def __init__(self, engine: images.Engine, folder: Path, hosts: Sequence[str]) -> None:
        self._engine = engine
        self._folder = folder
        self._name = images.unique("kube")
        self._space = Path("/run/netns", self._name)
        hosts_file, override = folder / "hosts", folder / "override.conf"
        hosts_file.write_text(f"127.0.0.1 localhost {' '.join(hosts)}\n")
        override.write_text(f'[containers]\nbase_hosts_file = "{hosts_file}"\n')
        self._environment = engine.environment | {"CONTAINERS_CONF_OVERRIDE": str(override)}

    def __enter__(self) -> "Cluster":
        ip = tools.need_tool("ip")
        subprocess.run([ip, "netns", "add", self._name], check=True)
        subprocess.run([ip, "-n", self._name, "link", "set", "lo", "up"], check=True)
        return self

    def __exit__(self, *error: object) -> None:
        for file in self._folder.glob("play-*.yaml"):
            self.podman("kube", "down", "--force", str(file), check=False)
        subprocess.run([tools.need_tool("ip"), "netns", "del", self._name], check=True)

    def podman(
        self, *arguments: str, check: bool = True, timeout: float = 300
    ) -> subprocess.CompletedProcess[str]:
        # Not by `ip netns exec`, which mounts another /sys, without the control groups.
        command = [tools.need_tool("nsenter"), f"--net={self._space}", tools.need_tool("podman")]
        done = subprocess.run(
            [*command, *arguments],
            capture_output=True,
            text=True,
            timeout=timeout,
            env=self._environment,
        )
        assert not check or done.returncode == 0, f"{arguments}\n{done.stdout}{done.stderr}"
        return done

    def play(self, name: str, documents: Sequence[Document]) -> Path:
        """Start the Pods of the documents; returns the file, for `down`."""
        file = self._folder / f"play-{name}.yaml"
        file.write_text(manifests.dump(documents))
        self.podman("kube", "play", "--network", "host", str(file))
        return file

    def down(self, file: Path) -> None:
        """End and remove the Pods; volumes stay."""
        self.podman("kube", "down", str(file))

    def execute(self, container: str, *command: str) -> str:
        return self.podman("exec", container, *command).stdout

    def logs(self, container: str) -> str:
        done = self.podman("logs", container)
        return done.stdout + done.stderr

    def status(self, container: str) -> str:
        """Such as `running`, or `exited 0`."""
        shown = self.podman(
            "inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", container
        )
        return shown.stdout.strip().removeprefix("running 0").strip() or "running"

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """Connections that this thread makes meanwhile are made in the network of the Pods."""
        with Path("/proc/thread-self/ns/net").open() as outside, self._space.open() as space:
            _enter(space.fileno())
            try:
                yield
            finally:
                _enter(outside.fileno())


def _enter(namespace: int) -> None:
    if _libc.setns(namespace, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
