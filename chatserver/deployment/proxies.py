"""Checks of the configurations of nginx, HAProxy and Caddy, as far as their text tells: ports, and braces."""

from __future__ import annotations

import re
from collections.abc import Iterator

from chatserver.deployment.problem import Problem
from chatserver.deployment.topology import Topology

# For each proxy: where it listens, and where it connects to; the group has the addresses.
_NGINX = (
    re.compile(r"^\s*listen\s+([^\s;]+)"),
    re.compile(r"^\s*server\s+([^\s;{]+)|proxy_pass\s+https?://([^\s;/]+)"),
)
_HAPROXY = (
    re.compile(r"^\s*bind\s+(\S+)"),
    re.compile(r"^\s*server\s+\S+\s+(\S+)|^\s*server-template\s+\S+\s+\S+\s+(\S+)"),
)
_CADDY = (
    re.compile(r"^((?:https?://)?[\w.*-]*:\d+(?:,\s*[^\s{,]+)*)\s*\{"),
    re.compile(r"^\s*(?:reverse_proxy|to)\s+([^{]*)"),
)
_PORT = re.compile(r"(?:^|:)(\d+)$")
_SECTION = re.compile(r"(?:frontend|backend|listen|upstream)\s+\S+")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'')


def check_proxy(file: str, text: str, topology: Topology | None) -> Iterator[Problem]:
    """Problems of a proxy's file; none for a file that is of no proxy."""
    name = file.rpartition("/")[2]
    if name == "Caddyfile" or name.endswith(".caddy"):
        patterns, braces = _CADDY, True
    elif re.search(r"^\s*(?:frontend|backend|listen)\s+\S+\s*$", text, re.M) and name.endswith(
        ".cfg"
    ):
        patterns, braces = _HAPROXY, False
    elif name.endswith(".conf") and re.search(
        r"^\s*(?:server|upstream \S+|http|events)\s*\{", text, re.M
    ):
        patterns, braces = _NGINX, True
    else:
        return
    lines = [_bare(line) for line in text.splitlines()]
    if braces:
        yield from _braces(file, lines)
    if topology is not None:
        numbers = {each: topology.ports[each].number for each in topology.ports}
        public = {numbers.get("http"), numbers.get("https")}
        inner = {numbers.get("app"), numbers.get("internal")}
        section = ""
        for count, line in enumerate(lines, 1):
            section = line if _SECTION.match(line) else section
            for pattern, expected, what in (
                # One behind another listens where the server would.
                (patterns[0], public | {numbers.get("app")}, "listens"),
                (patterns[1], inner, "connects"),
            ):
                for port in _ports(pattern, line):
                    if port not in expected and not _local(section, line, what):
                        known = " or ".join(str(each) for each in sorted(filter(None, expected)))
                        text_ = f"{what} at port {port}, and topology.toml has {known} there"
                        yield Problem(file, count, "port.mismatch", text_)


def _ports(pattern: re.Pattern[str], line: str) -> Iterator[int]:
    for match in pattern.finditer(line):
        for address in re.split(
            r"[\s,]+", next(each for each in match.groups() if each is not None)
        ):
            if found := _PORT.search(address):
                yield int(found[1])


def _local(section: str, line: str, what: str) -> bool:
    """What stays on the machine: a listener on loopback, such as statistics, and the client of ACME."""
    loopback = re.search(r"127\.0\.0\.1:|\[::1\]:|localhost:", line) is not None
    return loopback and (
        what == "listens" or "acme" in section + line or "certbot" in section + line
    )


def _bare(line: str) -> str:
    """The line without its comment; quoted text keeps its quotes alone."""
    unquoted = _QUOTED.sub('""', line)
    return re.split(r"(?:^|\s)#", unquoted)[0]


def _braces(file: str, lines: list[str]) -> Iterator[Problem]:
    opened: list[int] = []
    for count, line in enumerate(lines, 1):
        # {8} in a regular expression and {placeholders} of Caddy are no blocks.
        for brace in re.findall(r"[{}]", re.sub(r"\{[^\s{}]*\}", "", line)):
            if brace == "{":
                opened.append(count)
            elif opened:
                opened.pop()
            else:
                yield Problem(file, count, "proxy.syntax", "this brace closes nothing")
    for count in opened:
        yield Problem(file, count, "proxy.syntax", "the brace that opens here is never closed")
