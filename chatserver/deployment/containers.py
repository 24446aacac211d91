"""Checks of compose files and Kubernetes manifests: images that can change, and ports against the topology."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from chatserver.deployment.problem import Problem
from chatserver.deployment.topology import Topology
from chatserver.deployment.yamlfile import Document

_LOOPBACK = ("127.0.0.1", "[::1]", "::1", "localhost")
Path = tuple[str | int, ...]


def check_document(file: str, document: Document, topology: Topology | None) -> Iterator[Problem]:
    """Problems of a document, if it is a compose file, a manifest or a kustomization; otherwise none."""
    value = document.value
    if not isinstance(value, dict):
        return
    if isinstance(value.get("services"), dict):
        yield from _compose(file, document, topology)
    elif value.get("kind") in ("Kustomization", "Component"):
        yield from _kustomization(file, document)
    elif "kind" in value and "apiVersion" in value:
        yield from _manifest(file, document, topology)


def check_image(file: str, line: int, image: str) -> Iterator[Problem]:
    """An image is named by its digest, unless it is built here, which a name without registry says."""
    name, _, digest = image.partition("@")
    last = name.rpartition("/")[2]
    if digest or "$" in image or ".example." in name:  # an example is told as such
        return
    if last.endswith(":latest"):
        yield Problem(
            file, line, "image.latest", f"{image} is another image tomorrow: name its digest"
        )
    elif ("/" in name or ":" in last) and not name.startswith("localhost/"):
        yield Problem(
            file, line, "image.digest", f"{image} can change: name its digest, {image}@sha256:…"
        )


def _kustomization(file: str, document: Document) -> Iterator[Problem]:
    """Images are given their digest here; one that stays in the machine's own store needs none."""
    images = document.value.get("images")
    for index, image in enumerate(images if isinstance(images, list) else []):
        if isinstance(image, dict) and not image.get("digest"):
            name = str(image.get("newName") or image.get("name"))
            tag = f":{image['newTag']}" if image.get("newTag") else ""
            yield from check_image(file, document.line("images", index), name + tag)


def _compose(file: str, document: Document, topology: Topology | None) -> Iterator[Problem]:
    for name, service in document.value["services"].items():
        path: Path = ("services", name)
        if not isinstance(service, dict):
            yield Problem(
                file, document.line(*path), "compose.value", f"{name}: expected a mapping"
            )
            continue
        if isinstance(service.get("image"), str) and "build" not in service:
            yield from check_image(file, document.line(*path, "image"), service["image"])
        ports = service.get("ports") or []
        for index, port in enumerate(ports if isinstance(ports, list) else []):
            yield from _published(file, document.line(*path, "ports", index), port, topology)


def _published(file: str, line: int, port: Any, topology: Topology | None) -> Iterator[Problem]:
    if isinstance(port, dict):
        address, inside = str(port.get("host_ip", "")), str(port.get("target", ""))
    else:
        address, _, mapped = str(port).partition("/")[0].rpartition(":")
        inside = mapped
        address = address.rpartition(":")[0] if ":" in address else ""
    if "$" in str(port):
        return
    if not inside.isdigit():
        yield Problem(file, line, "compose.port", f"expected ADDRESS:PORT:PORT, got {port}")
        return
    number = int(inside)
    if topology is None:
        return
    public = {topology.ports[each].number for each in ("http", "https") if each in topology.ports}
    if address not in _LOOPBACK and number not in public:
        text = f"{port} is published to every address, past the firewall: publish it to 127.0.0.1"
        yield Problem(file, line, "port.exposed", text)
    yield from _known(file, line, number, topology)


def _manifest(file: str, document: Document, topology: Topology | None) -> Iterator[Problem]:
    for path, value in _walk(document.value, ()):
        line = document.line(*path)
        if path[-1:] == ("image",) and isinstance(value, str) and "containers" in str(path).lower():
            yield from check_image(file, line, value)
        elif topology is not None and isinstance(value, int) and _is_port(path):
            yield from _known(file, line, value, topology)


def _is_port(path: Path) -> bool:
    """Whether a number is the port of a container, of a service's target or of a probe."""
    probe = path[-1] == "port" and len(path) > 1 and path[-2] in ("httpGet", "tcpSocket", "grpc")
    return probe or path[-1] in ("containerPort", "targetPort")


def _known(file: str, line: int, number: int, topology: Topology) -> Iterator[Problem]:
    if number not in {port.number for port in topology.ports.values()}:
        yield Problem(file, line, "port.unknown", f"topology.toml has no port {number}")


def _walk(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    yield path, value
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _walk(each, (*path, key))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _walk(each, (*path, index))


def check_scraping(file: str, document: Document, topology: Topology | None) -> Iterator[Problem]:
    """Targets of Prometheus on other machines have a port that the topology lets through."""
    if (
        topology is None
        or not isinstance(document.value, dict)
        or "scrape_configs" not in document.value
    ):
        return
    for path, value in _walk(document.value["scrape_configs"], ("scrape_configs",)):
        if (
            len(path) > 1
            and path[-2] == "targets"
            and isinstance(value, str)
            and "://" not in value
        ):
            found = re.fullmatch(r"(.+):(\d+)", value)
            if found and found[1] not in _LOOPBACK:
                yield from _known(file, document.line(*path), int(found[2]), topology)
