"""The list of private names against the sources, the libraries, the tests and setup.cfg."""

import configparser
import gc
import importlib
from importlib import metadata
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from tests.canaries.finding import ROOT, Use, in_source, names_of, uses
from tests.canaries.listed import DISTRIBUTIONS, LISTED, OWN, place, tested

ALL = [(owner, name) for owner, names in LISTED.items() for name in names]


@pytest.fixture(scope="module")
def found() -> set[Use]:
    # CPython 3.11 fails in `ast.parse` if the collector meets a coroutine that was never awaited, as
    # tests that failed leave them behind (github.com/python/cpython/issues/106905).
    gc.disable()
    try:
        return uses()
    finally:
        gc.enable()


def test_every_private_name_in_use_is_listed(found: set[Use]) -> None:
    listed = {(path, name) for names in LISTED.values() for name in names for path in names[name]}
    listed |= OWN
    others = sorted(use for use in found if (use.path, use.name) not in listed)
    assert not others, "use a public name, or see tests/canaries/listed.py: " + "; ".join(
        f"{use.path}:{use.line} uses {use.name}" for use in others
    )


@pytest.mark.parametrize("owner, name", ALL, ids=lambda part: getattr(part, "__name__", part))
def test_every_listed_name_is_used_and_exists(
    found: set[Use], owner: type | ModuleType, name: str
) -> None:
    kinds = owner.__mro__ if isinstance(owner, type) else ()
    exists = hasattr(owner, name) or any(name in names_of(kind) for kind in kinds)
    assert exists, f"it is gone. {place(owner, name)}"
    used = {use.path for use in found if use.name == name}
    unused = set(LISTED[owner][name]) - used
    assert not unused, f"{name} is no longer used in {', '.join(unused)}: take it from the list"


def test_our_own_names_on_other_objects_are_used(found: set[Use]) -> None:
    assert {(use.path, use.name) for use in found} >= OWN


def test_every_listed_name_has_a_test() -> None:
    for path in Path(__file__).parent.glob("test_*.py"):
        importlib.import_module(f"{__package__}.{path.stem}")
    assert tested == set(ALL)


@pytest.mark.parametrize("name", DISTRIBUTIONS.values())
def test_versions_that_were_not_tested_are_left_out(name: str) -> None:
    """setup.cfg bounds the library from above, and what is installed is within the bounds."""
    setup = configparser.ConfigParser(interpolation=None, delimiters=("=",))
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    texts = [setup["options"]["install_requires"], *setup["options.extras_require"].values()]
    lines = [line.split(" #")[0].strip() for text in texts for line in text.splitlines()]
    requirements = [Requirement(line) for line in lines if line and line[0] != "#"]
    (specifier,) = (each.specifier for each in requirements if each.name == name)
    installed = Version(metadata.version(name))
    assert installed in specifier
    next_minor = f"{installed.major}.{installed.minor + 1}"
    assert next_minor not in specifier, f"{name} {next_minor} was not tested, and is not left out"


@pytest.mark.parametrize(
    "text, names",
    [
        ("from tornado.web import _HandlerDelegate", ["_HandlerDelegate"]),
        ("import asyncio._x as x", ["_x"]),
        ("stream._state = None", ["_state"]),
        ("cast(Any, stream)._state.x", ["_state"]),
        ("getattr(stream, '_state', None)", ["_state"]),
        ("type('A', (), {'_state': 1})", ["_state"]),
        ("from chatserver.web import _ours", []),
        ("self._state = super()._state = getattr(self, '_state')", []),
        ("a.__dict__, one._replace(x=1), os._exit(1), find({'_id': 1})", []),
    ],
)
def test_private_names_are_found(text: str, names: list[str]) -> None:
    assert [name for _, name in in_source(text)] == names
