"""Checks a copy of deploy/: `chatserver check --deploy DIR`. Each problem has its file, its line and a stable code.

What it cannot tell is left to the tools themselves: `nginx -t`, `promtool check`, `nft -c`, `terraform validate`.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from chatserver.deployment import yamlfile
from chatserver.deployment.containers import check_document, check_scraping
from chatserver.deployment.generated import first_difference, generated
from chatserver.deployment.problem import DeploymentError, Problem
from chatserver.deployment.proxies import check_proxy
from chatserver.deployment.topology import FILE, Topology
from chatserver.deployment.topologyfile import read_topology

# Texts with values that an operator changes; others are programs, templates and pages.
_VALUES = {
    ".yaml", ".yml", ".toml", ".json", ".conf", ".cfg", ".env", ".tfvars", ".ini", ".service", ".timer", ".container",
}  # fmt: skip
_NAMES = {"Caddyfile", "environment", ".env"}
_EXAMPLE = re.compile(r"\b(?:[\w-]+\.)*example\.(?:org|com|net)\b|\bCHANGE[_-]?ME\b|\bchangeme\b")
_PASSWORD = re.compile(r"\b[a-z][a-z0-9+]*://[^\s:/@\"']+:([^\s:/@\"']+)@")
_PRIVATE_KEY = b"-----BEGIN "
_LARGEST = 4 * 1024 * 1024  # bytes; no file of a configuration is larger
_SECRETS = {"secrets"}
_IGNORED = {"tests", "locks", "__pycache__", ".terraform"}


def check_deployment(folder: Path) -> list[Problem]:
    """All problems of a folder such as deploy/, in the order of files and lines."""
    found: list[Problem] = []
    topology = None
    try:
        topology = read_topology(folder)
    except DeploymentError as error:
        found += error.problems
    if topology is not None:
        found += _generated(folder, topology)
    paths = [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not _ignored(path.relative_to(folder))
    ]
    yaml = [path for path in paths if path.suffix in (".yaml", ".yml")]
    if yaml and not yamlfile.available():
        text = f"{len(yaml)} YAML files were not checked: install the extra `deploy`, pluggable-chatserver[deploy]"
        found.append(Problem(".", 0, "yaml.not_checked", text))
    for path in paths:
        found += _file(path, path.relative_to(folder).as_posix(), topology)
    return sorted(set(found))


def _ignored(path: Path) -> bool:
    return bool(_IGNORED & set(path.parts))


def _generated(folder: Path, topology: Topology) -> Iterator[Problem]:
    """Files that differ from the topology. Of a folder that an operator does without, none is missed."""
    expected = generated(topology)
    for name, text in expected.items():
        path = folder / name
        if not path.parent.is_dir():
            continue
        try:
            line = first_difference(path.read_text("utf-8"), text)
        except FileNotFoundError:
            yield Problem(
                name, 0, "generated.missing", "there is no such file: run deploy/generate"
            )
            continue
        except (OSError, UnicodeDecodeError) as error:
            yield Problem(name, 0, "file.unreadable", str(error))
            continue
        if line:
            yield Problem(
                name, line, "generated.drift", f"is not what {FILE} says: run deploy/generate"
            )
    for path in sorted((folder / "firewall").glob("*.nft")):
        if (name := path.relative_to(folder).as_posix()) not in expected:
            yield Problem(name, 0, "generated.stray", f"{FILE} has no such machine")


def _file(path: Path, name: str, topology: Topology | None) -> Iterator[Problem]:
    try:
        if path.stat().st_size > _LARGEST:
            yield Problem(name, 0, "file.unreadable", "is too large to be a configuration")
            return
        content = path.read_bytes()
    except OSError as error:
        yield Problem(name, 0, "file.unreadable", str(error))
        return
    yield from _secret(path, name, content)
    if _SECRETS & set(Path(name).parts):
        return
    if path.suffix not in _VALUES and path.name not in _NAMES:
        return
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        yield Problem(name, line, "file.unreadable", "is no UTF-8 text")
        return
    yield from _left_over(name, text)
    if path.suffix in (".yaml", ".yml"):
        yield from _yaml(name, text, topology)
    elif path.suffix == ".json":
        try:
            json.loads(text)
        except json.JSONDecodeError as error:
            yield Problem(name, error.lineno, "json.syntax", error.msg)
    elif path.suffix == ".toml" and name != FILE:
        yield from _toml(name, text)
    yield from check_proxy(name, text, topology)


def _yaml(name: str, text: str, topology: Topology | None) -> Iterator[Problem]:
    if not yamlfile.available():
        return
    try:
        documents = yamlfile.read_yaml(name, text)
    except DeploymentError as error:
        yield from error.problems
        return
    for document in documents:
        yield from check_document(name, document, topology)
        yield from check_scraping(name, document, topology)


def _toml(name: str, text: str) -> Iterator[Problem]:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        number = int(line[1]) if line else text.count("\n") + 1
        yield Problem(name, number, "toml.syntax", str(error))


def _left_over(name: str, text: str) -> Iterator[Problem]:
    """Examples that were not replaced, and passwords in files that are no secrets; in comments they do no harm."""
    examples: dict[str, list[int]] = {}
    for count, line in enumerate(text.splitlines(), 1):
        used = re.split(r"(?:^|\s)#", line)[0]
        for found in _EXAMPLE.finditer(used):
            examples.setdefault(found[0], []).append(count)
        if (password := _PASSWORD.search(used)) and not re.match(
            r"[$%<{]|PASSWORD$|\*+$", password[1]
        ):
            yield Problem(
                name,
                count,
                "secret.inline",
                "holds a password: put it into a file of its own (…_FILE)",
            )
    for example, lines in examples.items():
        more = f" (in {len(lines)} lines)" if len(lines) > 1 else ""
        yield Problem(
            name,
            lines[0],
            "placeholder",
            f"{example} is an example: put your own value there{more}",
        )


def _secret(path: Path, name: str, content: bytes) -> Iterator[Problem]:
    """Secrets that other users of the machine can read; a closed folder protects what is in it."""
    key = content.lstrip()[:200]
    private = key.startswith(_PRIVATE_KEY) and b"PRIVATE KEY-----" in key
    parts = Path(name).parts
    if not private and not _SECRETS & set(parts[:-1]):
        return
    root = path.parents[len(parts) - 1]
    closed = any(
        each.stat().st_mode & 0o007 == 0
        for each in path.parents
        if each != root and root in each.parents
    )
    if path.stat().st_mode & 0o004 and not closed:
        yield Problem(
            name,
            0,
            "secret.readable",
            "every user of this machine can read it: chmod 600, or 700 its folder",
        )
