"""Makes the tables of docs/plugins/page.md, from static/lib/places.js and static/lib/plugins.js."""

import re
from collections.abc import Iterator
from pathlib import Path

from since import since

LIBRARY = Path(__file__).parents[1] / "static/lib"
SHAPE = re.compile(r"^const (\w+) = (\{.*\});$", re.M)
PLACE = re.compile(r"^  // (\{[\w, ]*\}): (.+)\n  \"([a-z.]+/v\d+)\": (.+),$", re.M)
NAMED = re.compile(r'^  "([a-z.]+/v\d+)":', re.M)
MEMBER = re.compile(
    r"^      /\*\* (.+) \*/\n      (\w+)(?:,|: (?:async )?(\(.*?\)) =>|: [A-Z])", re.M
)
FIELDS = (
    "label",
    "icon",
    "run",
    "wants",
    "take",
    "mount",
    "list",
    "find",
    "pictures",
    "picture",
    "filter",
)  # in the order of the table


def place_names() -> list[str]:
    """The places of the page."""
    return NAMED.findall(_source("places.js"))


def member_names() -> list[str]:
    """What `page` has."""
    return [name for _, name, _ in _members()]


def places() -> str:
    """The table of places."""
    source = _source("places.js")
    shapes = dict(SHAPE.findall(source))
    rows = ["| place | item, besides `id` | context | shown | since |", "|---|---|---|---|---|"]
    found = PLACE.findall(source)
    undescribed = set(NAMED.findall(source)) - {name for _, _, name, _ in found}
    if undescribed:
        raise ValueError(f"places.js: no comment in front of {', '.join(sorted(undescribed))}")
    for context, shown, name, shape in found:
        fields = _fields(shape, shapes)
        item = ", ".join(f"`{field}`" for field in FIELDS if field in fields)
        rows.append(f"| `{name}` | {item} | `{context}` | {shown} | {_version('places', name)} |")
    return "\n".join(rows)


def interface() -> str:
    """The table of `page`."""
    rows = ["| name | what it is | since |", "|---|---|---|"]
    for text, name, arguments in _members():
        bare = re.sub(r" = [^,)]+", "", arguments)
        rows.append(f"| `page.{name}{bare}` | {_sentence(text)} | {_version('page', name)} |")
    return "\n".join(rows)


def _source(name: str) -> str:
    return (LIBRARY / name).read_text(encoding="utf-8")


def _members() -> Iterator[tuple[str, str, str]]:
    """Each member of `page`: its comment, its name, its arguments if it is a function."""
    source = (
        _source("plugins.js").partition("return Object.freeze({\n")[2].partition("\n    });")[0]
    )
    found: list[tuple[str, str, str]] = MEMBER.findall(source)
    undescribed = set(re.findall(r"^      (\w+)[:,]", source, re.M)) - {
        name for _, name, _ in found
    }
    if undescribed:
        raise ValueError(f"plugins.js: no comment in front of {', '.join(sorted(undescribed))}")
    yield from found


def _fields(shape: str, shapes: dict[str, str]) -> set[str]:
    """The fields of an item; a shape may be another's name, or have another's fields."""
    text = shape
    for name, fields in shapes.items():
        text = re.sub(rf"\b{name}\b", fields, text)
    return set(re.findall(r"(\w+):", text))


def _sentence(text: str) -> str:
    """As a cell of the table."""
    return text[0].lower() + text[1:].rstrip(".")


def _version(kind: str, name: str) -> str:
    return since(kind, name).removeprefix("Since ").rstrip(".")
