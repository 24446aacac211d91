"""The tables of docs/network.md."""

from __future__ import annotations

from collections.abc import Sequence

from chatserver.deployment.topology import Topology

START = "<!-- from deploy/topology.toml -->"
END = "<!-- end of what deploy/generate writes -->"


def with_tables(page: str, topology: Topology) -> str:
    """The page with its tables renewed. Raises ValueError if it has no place for them."""
    before, found, rest = page.partition(START)
    _, ended, after = rest.partition(END)
    if not found or not ended:
        raise ValueError(f"expected the lines {START} and {END}")
    return f"{before}{START}\n\n{_rules(topology)}\n{_parts(topology)}\n{END}{after}"


def _rules(topology: Topology) -> str:
    lines = ["| from | to | port | for |", "|---|---|---|---|"]
    for rule in topology.rules:
        ports = ", ".join(str(topology.ports[each]) for each in rule.ports)
        ends = [", ".join(_named(topology, each)) for each in (rule.source, rule.target)]
        lines.append(f"| {ends[0]} | {ends[1]} | {ports} | {rule.why} |")
    return "\n".join(lines) + "\n"


def _named(topology: Topology, parts: Sequence[str]) -> list[str]:
    """Parts, with a group's name in place of all its members."""
    names = list(parts)
    for group, members in topology.groups.items():
        if set(members) <= set(names):
            names = [group, *(each for each in names if each not in members)]
    return names


def _parts(topology: Topology) -> str:
    lines = ["| part | what it is | where |", "|---|---|---|"]
    for name, part in topology.parts.items():
        host = topology.host_of.get(name)
        where = (
            f"machine {host}" if host else "everywhere else" if part.anywhere else "others run it"
        )
        lines.append(f"| {name} | {part.about} | {where} |")
    for name, members in topology.groups.items():
        lines.append(f"| {name} | {', '.join(members)} | a group |")
    return "\n".join(lines) + "\n"
