"""Reads deploy/topology.toml, and tells each wrong value with its line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from chatserver.deployment.lines import Lines, toml_lines
from chatserver.deployment.problem import DeploymentError, Problem
from chatserver.deployment.topology import (
    FILE,
    Host,
    Kubernetes,
    Part,
    Port,
    Rule,
    Terraform,
    Topology,
)

# They stand in the files of three programs: between quotes, in comments of nft (128 bytes), in names of Terraform.
_NAME = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_TEXT = re.compile(r"[a-zA-Z0-9 ._:/()#,@\[\]+=&;{}!$*-]{1,90}")
_BRIDGE = re.compile(r"[a-z][a-z0-9.-]*\*?")
_RESERVED = ("known", "new")  # sets of nft are named known4, new-https6
Network = IPv4Network | IPv6Network
T = TypeVar("T")


def read_topology(folder: Path) -> Topology:
    """The topology of a folder such as deploy/. Raises `DeploymentError`."""
    try:
        text = (folder / FILE).read_text("utf-8")
    except FileNotFoundError:
        raise DeploymentError(
            [Problem(FILE, 0, "topology.missing", "there is no such file")]
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise DeploymentError([Problem(FILE, 0, "topology.missing", str(error))]) from None
    return parse_topology(text)


def parse_topology(text: str) -> Topology:
    """Raises `DeploymentError` with every problem that can be told."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = str(error).rpartition("line ")[2].partition(",")[0]
        number = int(line) if line.isdigit() else text.count("\n") + 1
        raise DeploymentError([Problem(FILE, number, "topology.syntax", str(error))]) from None
    return topology_of(document, toml_lines(text))


def topology_of(document: dict[str, Any], lines: Lines) -> Topology:
    """The topology of a parsed file. Raises `DeploymentError` with every problem that can be told."""
    reader = _Reader(document, lines)
    topology = reader.read()
    if topology is None or reader.problems:
        raise DeploymentError(reader.problems)
    return topology


class _Reader:
    """Converts the document piece by piece, so that each problem is told with its line."""

    def __init__(self, document: dict[str, Any], lines: Lines) -> None:
        self.document = document
        self.lines = lines
        self.problems: list[Problem] = []

    def read(self) -> Topology | None:
        known = ("ports", "parts", "hosts", "groups", "rules", "kubernetes", "terraform")
        for name in self.document.keys() - set(known):
            self.wrong("topology.name", f"expected one of {', '.join(known)}, got {name}", name)
        ports = self.ports()
        parts = self.table("parts", Part)
        hosts = self.table("hosts", Host)
        groups = self.table("groups", tuple[str, ...])
        kubernetes = self.convert(Kubernetes, "kubernetes")
        terraform = self.convert(Terraform, "terraform")
        listed = self.document.get("rules", [])
        if not isinstance(listed, list):
            self.wrong("topology.value", "expected [[rules]]", "rules")
            return None
        rules = [self.convert(Rule, "rules", index) for index in range(len(listed))]
        if self.problems or kubernetes is None or terraform is None:
            return None
        topology = Topology(
            ports, parts, hosts, groups, self.resolved(rules, groups, parts), kubernetes, terraform
        )
        self.check_texts(topology)
        self.check_hosts(topology)
        self.check_rules(topology)
        self.check_addresses(topology)
        self.check_outputs(topology)
        return topology

    def wrong(self, code: str, message: str, *path: str | int) -> None:
        dotted = "".join(f"[{each}]" if isinstance(each, int) else f".{each}" for each in path)
        text = f"{dotted.removeprefix('.')}: {message}"
        self.problems.append(Problem(FILE, self.lines.of(*path), code, text))

    def convert(self, kind: type[T], *path: str | int) -> T | None:
        value: Any = self.document
        for each in path:
            try:
                value = value[each]
            except (KeyError, TypeError):
                self.wrong("topology.value", "is missing", *path)
                return None
        try:
            return msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            message, _, place = str(error).partition(" - at `$")
            field = place.strip("`.").partition("[")[0].partition(".")[0]
            if " unknown field " in message:
                field = message.rpartition(" ")[2].strip("`")
            self.wrong("topology.value", message, *path, *([field] if field else []))
            return None

    def table(self, name: str, kind: type[T]) -> dict[str, T]:
        raw = self.document.get(name, {})
        if not isinstance(raw, dict):
            self.wrong("topology.value", "expected a table", name)
            return {}
        converted = {key: self.convert(kind, name, key) for key in raw}
        return {key: value for key, value in converted.items() if value is not None}

    def ports(self) -> dict[str, Port]:
        found = {}
        for name, text in self.table("ports", str).items():
            number, _, protocol = text.partition("/")
            if number.isdigit() and 1 <= int(number) <= 65535 and protocol in ("tcp", "udp"):
                found[name] = Port(name, int(number), "tcp" if protocol == "tcp" else "udp")
            else:
                self.wrong(
                    "topology.port", f"expected a port such as 443/tcp, got {text}", "ports", name
                )
        return found

    def resolved(
        self, rules: list[Rule | None], groups: dict[str, tuple[str, ...]], parts: dict[str, Part]
    ) -> tuple[Rule, ...]:
        """The rules with the parts of their groups."""
        for name, members in groups.items():
            if name in parts:
                self.wrong("topology.name", "a part has this name too", "groups", name)
            self.names(members, parts, "groups", name)
        found = []
        for i, rule in enumerate(rules):
            if rule is None:
                continue
            ends: list[tuple[str, ...]] = []
            for field, names in (("from", rule.source), ("to", rule.target)):
                self.names(names, parts.keys() | groups.keys(), "rules", i, field)
                own = dict.fromkeys(each for name in names for each in groups.get(name, (name,)))
                ends.append(tuple(each for each in own if each in parts))
            found.append(msgspec.structs.replace(rule, source=ends[0], target=ends[1]))
        return tuple(found)

    def names(self, names: tuple[str, ...], known: Any, *path: str | int) -> None:
        if not names:
            self.wrong("topology.value", "expected at least one name", *path)
        for name in names:
            if name not in known:
                self.wrong("topology.name", f"{name} is not defined", *path)

    def check_texts(self, topology: Topology) -> None:
        """Names and texts that would be something else in a generated file."""
        for section in ("ports", "parts", "hosts", "groups"):
            for name in getattr(topology, section):
                if not _NAME.fullmatch(name) or name in _RESERVED or len(name) > 30:
                    expected = "expected a name such as backup-target, of at most 30 characters"
                    self.wrong("topology.name", f"{expected}, got {name}", section, name)
        for i, rule in enumerate(topology.rules):
            if not _TEXT.fullmatch(rule.why):
                text = f"expected at most 90 of the characters {_TEXT.pattern[1:-6]}"
                self.wrong("topology.value", text, "rules", i, "why")
        for name, host in topology.hosts.items():
            for bridge in host.container_bridges:
                if not _BRIDGE.fullmatch(bridge):
                    text = f"expected a name such as podman*, got {bridge}"
                    self.wrong("topology.value", text, "hosts", name, "container_bridges")
        for name, part in topology.terraform.outside.items():
            if not re.fullmatch(r"[a-z][\w.:]*", part):
                self.wrong(
                    "topology.value",
                    f"expected a reference, got {part}",
                    "terraform",
                    "outside",
                    name,
                )

    def check_hosts(self, topology: Topology) -> None:
        seen: dict[str, str] = {}
        for name, host in topology.hosts.items():
            self.names(host.parts, topology.parts, "hosts", name, "parts")
            for part in host.parts:
                if not host.alone and seen.setdefault(part, name) != name:
                    self.wrong(
                        "topology.host",
                        f"{part} is on {seen[part]} already",
                        "hosts",
                        name,
                        "parts",
                    )
            if bool(host.addresses) == host.alone:
                what = (
                    "is not known to other machines, so it has none" if host.alone else "has none"
                )
                self.wrong("topology.address", f"this machine {what}", "hosts", name, "addresses")
        for name, described in topology.parts.items():
            ways = (name in seen) + bool(described.addresses) + described.anywhere
            if ways != 1:
                text = "expected to be on one machine, or to have addresses, or to be anywhere"
                self.wrong("topology.host", text, "parts", name)

    def check_rules(self, topology: Topology) -> None:
        seen: dict[tuple[str, str, str], int] = {}
        for i, rule in enumerate(topology.rules):
            self.names(rule.ports, topology.ports, "rules", i, "ports")
            for source in rule.source:
                for target in rule.target:
                    if source not in topology.host_of and target not in topology.host_of:
                        self.wrong(
                            "topology.rule", f"neither {source} nor {target} is ours", "rules", i
                        )
                    for port in rule.ports:
                        first = seen.setdefault((source, target, port), i)
                        if first != i:
                            line = self.lines.of("rules", first)
                            text = f"{source} to {target} at {port} is permitted in line {line} already"
                            self.wrong("topology.rule", text, "rules", i)
        for name in topology.ports.keys() - {
            port for rule in topology.rules for port in rule.ports
        }:
            self.wrong("topology.port", "no rule uses this port", "ports", name)

    def check_addresses(self, topology: Topology) -> None:
        """Addresses tell parts apart, so no two overlap."""
        known: list[tuple[Network, str]] = []
        for name, path in self.addressed(topology):
            for text in self.networks(*path):
                for other, owner in known:
                    if owner != name and text.version == other.version and text.overlaps(other):
                        self.wrong(
                            "topology.address", f"{text} overlaps with {other} of {owner}", *path
                        )
                known.append((text, name))
        self.networks("kubernetes", "private")
        for name in topology.kubernetes.parts:
            self.networks("kubernetes", "parts", name, "addresses")

    @staticmethod
    def addressed(topology: Topology) -> Iterator[tuple[str, tuple[str, ...]]]:
        for name in topology.hosts:
            yield name, ("hosts", name, "addresses")
        for name in topology.parts:
            yield name, ("parts", name, "addresses")

    def networks(self, *path: str) -> list[Network]:
        """The networks at a key; none where it is missing or they are wrong, which is told."""
        texts: Any = self.document
        for each in path:
            texts = texts.get(each, {})
        found = []
        for text in texts:
            try:
                found.append(ip_network(text))
            except ValueError as error:
                self.wrong("topology.address", str(error), *path)
        return found

    def check_outputs(self, topology: Topology) -> None:
        for name in topology.kubernetes.parts:
            self.names((name,), topology.parts, "kubernetes", "parts", name)
        for module in ("cloud", "single"):
            self.names(getattr(topology.terraform, module), topology.hosts, "terraform", module)
        for name, text in topology.terraform.outside.items():
            self.names(
                (name,), topology.parts.keys() - topology.host_of, "terraform", "outside", name
            )
            if text not in ("anywhere", "unfiltered") and not text.startswith(
                ("var.", "prefix_list:")
            ):
                expected = "anywhere, unfiltered, var.NAME or prefix_list:REFERENCE"
                self.wrong(
                    "topology.value",
                    f"expected {expected}, got {text}",
                    "terraform",
                    "outside",
                    name,
                )
