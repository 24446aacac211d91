"""docs/privacy.md names everything that is stored, and nothing that is not."""

import re
from typing import get_args

import msgspec

from chatserver import model
from tests.docs.pages import ROOT

PAGE = (ROOT / "docs" / "privacy.md").read_text(encoding="utf-8")
SPACE = re.compile(
    r"""^(?:[A-Z_]*SPACES?\ =\ "([a-z._]+/?)"|[A-Z_]+\ =\ "([a-z._]+/?)"\ \ \#\ record\ spaces?)""",
    re.M | re.X,
)
# Written by the core as one record among others of such a space, or not at all.
NOT_STORED = {"parts"}


def rows(title: str) -> set[str]:
    """The names in the first column of the table below a heading."""
    _, _, rest = PAGE.partition(f"### {title}\n")
    table = rest.partition("\n#")[0]
    first = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    return {name for cell in first for name in re.findall(r"`([^`]+)`", cell)}


def test_each_field_of_the_log_is_there() -> None:
    kinds = [kind for each in get_args(model.AnyEvent) for kind in (get_args(each) or (each,))]
    fields = {field.name for kind in kinds for field in msgspec.structs.fields(kind)}
    named = rows("In the log of a room") | {"edit_history", "edits_since"}
    assert "`edit_history`, `edits_since`" in PAGE
    assert fields - named == set(), "no one says why these are stored"
    assert named - fields == set(), "these are not stored"


def test_each_space_of_records_is_there() -> None:
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "chatserver").rglob("*.py")]
    found = {name for source in sources for pair in SPACE.findall(source) for name in pair if name}
    named = rows("In records")
    assert len(found) > 25
    assert found - NOT_STORED - named == set(), "no one says why these are stored"
