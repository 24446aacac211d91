"""Every public name has the version since which it is there, and none is lost."""

import inspect
import re
import subprocess
import sys
from typing import Any

import msgspec
import pytest

import chatserver
from tests.docs.pages import ROOT

PLUGINS = ROOT / "docs/plugins"
RECORD = ROOT / "chatserver/authoring/since.json"
VERSION = re.compile(r"\d+\.\d+")


@pytest.fixture(scope="module")
def recorded() -> Any:
    return msgspec.json.decode(RECORD.read_bytes())


@pytest.fixture(scope="module")
def present() -> Any:
    """What `docs/public_names.py` finds, which imports its neighbours as a script does."""
    source = "import msgspec, public_names as p; print(msgspec.json.encode(p.present()).decode())"
    done = subprocess.run(
        [sys.executable, "-c", source],
        cwd=ROOT / "docs",
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=True,
    )
    return msgspec.json.decode(done.stdout)


def test_no_public_name_is_without_a_version(present: Any, recorded: Any) -> None:
    for kind, names in present.items():
        assert set(names) - set(recorded[kind]) == set(), f"{kind}: run docs/generate.py"
    versions = {version for names in recorded.values() for version in names.values()}
    assert all(map(VERSION.fullmatch, versions)), versions


def test_no_public_name_was_lost(present: Any, recorded: Any) -> None:
    """One that is to go is announced for 12 months; see docs/plugins/compatibility.md."""
    for kind, names in recorded.items():
        assert set(names) - set(present[kind]) == set(), f"{kind}: renamed or removed"


def test_the_kinds_are_what_they_say(present: Any) -> None:
    assert "check_message" in present["hooks"] and "Draft" in present["names"]
    assert {"Draft.body", "Timers.set", "Context.claim", "Room.role"} <= set(present["members"])
    assert "Room.advance" not in present["members"]
    assert "messages.purge" in present["service"] and "room.forbidden" in present["errors"]
    assert "message.actions/v1" in present["places"] and "errorText" in present["page"]


def reference() -> str:
    return "".join(page.read_text() for page in (PLUGINS / "reference").glob("*.md"))


def entries_of_the_reference() -> dict[str, str]:
    return dict(re.findall(r"^### `(\w+)`\n(.*?)(?=^##|\Z|^<!--)", reference(), re.M | re.S))


def test_each_is_in_the_reference_with_its_version() -> None:
    text = reference()
    entries = entries_of_the_reference()
    for name in set(chatserver.__all__) - {"__version__"}:
        public = getattr(chatserver, name)
        if inspect.isclass(public) or inspect.isfunction(public):
            assert re.search(r"^Since \d+\.\d+\.$", entries.get(name, ""), re.M), name
        else:
            assert re.search(rf"^\| `{name}` \| .+ \| \d+\.\d+ \|$", text, re.M), name


def test_each_member_is_in_the_reference(recorded: Any) -> None:
    """Fields, members of enumerations and methods stand in the entry of their class, or on the page of the service."""
    entries = entries_of_the_reference()
    service = (PLUGINS / "reference/service.md").read_text()
    for member in recorded["members"]:
        name, _, attribute = member.partition(".")
        is_there = re.search(rf"^(?:    |- `(?:async )?){attribute}\b", entries[name], re.M)
        elsewhere = name in ("Inspection", "PluginMessages", "Service", "Room")
        assert is_there or (elsewhere and re.search(rf"\b{attribute}\b", service)), member


def test_places_and_the_interface_of_the_page_have_it_too(recorded: Any) -> None:
    page = (PLUGINS / "page.md").read_text()
    for place, version in recorded["places"].items():
        assert re.search(rf"^\| `{place}` \|.*\| {version} \|$", page, re.M), place
    for name, version in recorded["page"].items():
        assert re.search(rf"^\| `page\.{name}\b.*\| {version} \|$", page, re.M), name
