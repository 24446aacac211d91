"""The topology: parts, machines, and the rules that say which part may speak to which. topologyfile.py reads it."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Literal

import msgspec

FILE = "topology.toml"


class Port(msgspec.Struct, frozen=True):
    """A named port of TCP or UDP."""

    name: str
    number: int
    protocol: Literal["tcp", "udp"]

    def __str__(self) -> str:
        return f"{self.number}/{self.protocol}"


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A program, or a service of others: then it has addresses, or is anywhere."""

    about: str
    addresses: tuple[str, ...] = ()
    anywhere: bool = False


class Host(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A kind of machine. One that is `alone` runs a whole installation, so no other machine knows it."""

    parts: tuple[str, ...]
    addresses: tuple[str, ...] = ()
    alone: bool = False
    container_bridges: tuple[str, ...] = ()


class Rate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """New connections of one address; more are dropped."""

    per_second: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
    burst: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]


class Rule(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    rename={"source": "from", "target": "to"},
):
    """Each of `source` may open connections to each of `target` at these ports; parts, with groups resolved."""

    source: tuple[str, ...]
    target: tuple[str, ...]
    ports: tuple[str, ...]
    why: str
    new_connections: Rate | None = None
    kubernetes: bool = True


class Pods(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part on Kubernetes. Without namespace: pods of the installation's own."""

    namespace: str = ""
    labels: dict[str, str] = {}
    addresses: tuple[str, ...] = ()


class Kubernetes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`private` are the networks that do not count as the internet."""

    private: tuple[str, ...]
    parts: dict[str, Pods]


class Terraform(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Machines of each module, and how a security group names parts of others."""

    cloud: tuple[str, ...]
    single: tuple[str, ...]
    outside: dict[str, str]


class Topology(msgspec.Struct, frozen=True, dict=True):
    """The whole file, checked."""

    ports: dict[str, Port]
    parts: dict[str, Part]
    hosts: dict[str, Host]
    groups: dict[str, tuple[str, ...]]
    rules: tuple[Rule, ...]
    kubernetes: Kubernetes
    terraform: Terraform

    @cached_property
    def host_of(self) -> dict[str, str]:
        """The machine of each part that we run; machines that are alone do not count."""
        return {
            part: name for name, host in self.hosts.items() if not host.alone for part in host.parts
        }

    def addresses(self, part: str) -> tuple[str, ...]:
        """Networks of a part; empty for the internet."""
        host = self.host_of.get(part)
        return self.hosts[host].addresses if host else self.parts[part].addresses

    @cached_property
    def _allowed(self) -> frozenset[tuple[str, str, str]]:
        return frozenset(
            (source, target, port)
            for rule in self.rules
            for source in rule.source
            for target in rule.target
            for port in rule.ports
        )

    def allows(self, source: str, target: str, port: str) -> bool:
        """Whether one part may open connections to another at a named port. Raises KeyError for unknown names."""
        _ = self.parts[source], self.parts[target], self.ports[port]
        return (source, target, port) in self._allowed
