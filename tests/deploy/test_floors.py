"""deploy/floors.txt against what the project asks for and against what is installed."""

import configparser
import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]


def _lines(text: str) -> list[str]:
    return [line for line in (raw.split("#")[0].strip() for raw in text.splitlines()) if line]


def _lower_bound(requirement: Requirement) -> Version | None:
    bounds = [Version(s.version) for s in requirement.specifier if s.operator in (">=", "==")]
    return max(bounds, default=None)


def _floors() -> dict[str, Version]:
    floors = {}
    for line in _lines((ROOT / "deploy/floors.txt").read_text()):
        requirement = Requirement(line)
        bound = _lower_bound(requirement)
        assert bound is not None, f"{line}: not a floor"
        floors[canonicalize_name(requirement.name)] = bound
    return floors


def _required() -> list[Requirement]:
    setup = configparser.ConfigParser(interpolation=None)
    setup.read(ROOT / "setup.cfg")
    texts = [setup["options"]["install_requires"], *setup["options.extras_require"].values()]
    lines = [line for text in texts for line in _lines(text)]
    lines += tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    return [Requirement(line) for line in lines]


FLOORS = _floors()


def test_the_two_floors_of_the_hardening_document_hold() -> None:
    assert FLOORS["tornado"] >= Version("6.6.1")
    assert FLOORS["pymongo"] >= Version("4.18.2")


@pytest.mark.parametrize("requirement", _required(), ids=str)
def test_no_requirement_allows_less_than_its_floor(requirement: Requirement) -> None:
    floor = FLOORS.get(canonicalize_name(requirement.name))
    if floor is None:
        return
    bound = _lower_bound(requirement)
    assert bound is not None, f"{requirement} has no lower bound, its floor is {floor}"
    assert bound >= floor, f"{requirement} allows less than its floor {floor}"


@pytest.mark.parametrize("name", sorted(FLOORS))
def test_nothing_installed_is_below_its_floor(name: str) -> None:
    if name == "setuptools":
        return  # used in pip's own build environment; what lies in this one is never run
    try:
        installed = metadata.version(name)
    except metadata.PackageNotFoundError:
        return
    assert Version(installed) >= FLOORS[name]


def test_every_floor_says_why() -> None:
    for line in (ROOT / "deploy/floors.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            assert re.search(r"# .*CVE-\d{4}-\d{4,}", line), line
