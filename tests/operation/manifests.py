"""The manifests of deploy/kubernetes as kustomize builds them, and ways to walk them."""

import json
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from tests import tools

KUBERNETES = tools.ROOT / "deploy/kubernetes"
OVERLAYS = ("single", "replicated")

Document = dict[str, Any]


def build(overlay: Path) -> list[Document]:
    """The documents of an overlay's folder, as `kubectl apply -k` would send them."""
    command = [tools.need_tool("kubectl"), "kustomize", str(overlay)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return [document for document in yaml.safe_load_all(done.stdout) if document]


def copy(folder: Path) -> Path:
    """A copy of deploy/kubernetes that a test may change."""
    return Path(shutil.copytree(KUBERNETES, folder / "kubernetes"))


class Workload(NamedTuple):
    """A document that makes Pods, and the template of these."""

    document: Document
    template: Document

    @property
    def kind(self) -> str:
        kind: str = self.document["kind"]
        return kind

    @property
    def name(self) -> str:
        return f"{self.kind}/{self.document['metadata']['name']}"

    @property
    def is_lasting(self) -> bool:
        """Whether its Pods are to run for ever."""
        return self.kind in ("Deployment", "StatefulSet", "DaemonSet")

    @property
    def spec(self) -> Document:
        spec: Document = self.template["spec"]
        return spec

    @property
    def labels(self) -> dict[str, str]:
        labels: dict[str, str] = self.template["metadata"]["labels"]
        return labels

    @property
    def containers(self) -> list[Document]:
        """All containers, those that run first before."""
        return [*self.spec.get("initContainers", ()), *self.spec["containers"]]


def workloads(documents: Sequence[Document]) -> Iterator[Workload]:
    for document in documents:
        spec = document.get("spec", {})
        if document["kind"] == "CronJob":
            spec = spec["jobTemplate"]["spec"]
        if document["kind"] == "Pod":
            yield Workload(document, document)
        elif "template" in spec:
            yield Workload(document, spec["template"])


def of_kind(documents: Sequence[Document], kind: str) -> list[Document]:
    return [document for document in documents if document["kind"] == kind]


def named(documents: Sequence[Document], kind: str, name: str) -> Document:
    """The document of this kind and name. Raises `ValueError` if there is none."""
    [found] = [each for each in of_kind(documents, kind) if each["metadata"]["name"] == name]
    return found


def secret(folder: Path) -> Document:
    """The secret that `kubectl create secret generic NAME --from-file=FOLDER/NAME` makes."""
    texts = {file.name: file.read_text() for file in folder.iterdir()}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": folder.name},
        "stringData": texts,
    }


def dump(documents: Sequence[Document]) -> str:
    # JSON is YAML, and has no second way to say the same (anchors).
    return "\n---\n".join(json.dumps(document, indent=1) for document in documents)
