"""Metrics without values of labels that people or configurations choose."""

import re
from collections.abc import Callable, Iterator

from chatserver.bundle.overview import own_name
from chatserver.bundle.pseudonyms import Pseudonyms

MOST_LINES = 20_000
_NAME = re.compile(
    r"(?:chatserver|http|websocket|messages|process|python|mongo|postgres|sqlite)_[a-z0-9_]+"
)
_LINE = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? ([-+0-9.eEInfNa]+)(?: \d+)?")
_LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')
_WORD = re.compile(r"[a-z0-9_.+-]{1,32}")
# Labels whose values are words of the source.
WORDS = {
    "le",
    "quantile",
    "code",
    "outcome",
    "type",
    "kind",
    "hook",
    "reason",
    "conflict",
    "worker",
}
WORDS |= {"status", "generation", "operation", "implementation", "major", "minor", "patchlevel"}
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
ROUTES = re.compile(r"/|none|/(?:ws|health|metrics|static|graphql|api/v1)(?:/[a-zA-Z]{1,20}){0,5}")


def metrics(text: str, names: Pseudonyms, plugins: frozenset[str]) -> str:
    """The allowed lines of an exposition, without comments."""
    return "".join(_lines(text, names, plugins))


def _lines(text: str, names: Pseudonyms, plugins: frozenset[str]) -> Iterator[str]:
    for line in text.splitlines()[:MOST_LINES]:
        found = _LINE.fullmatch(line)
        if found is None or not _NAME.fullmatch(found[1]):
            continue
        labels = ",".join(
            f'{name}="{_value(name, value, names, plugins)}"'
            for name, value in _LABEL.findall(found[2] or "")
        )
        yield f"{found[1]}{{{labels}}} {found[3]}\n" if labels else f"{found[1]} {found[3]}\n"


def _value(label: str, value: str, names: Pseudonyms, plugins: frozenset[str]) -> str:
    allowed: dict[str, Callable[[], bool]] = {
        "plugin": lambda: value in plugins,
        "method": lambda: value in METHODS,
        "route": lambda: ROUTES.fullmatch(value) is not None,
        "version": lambda: re.fullmatch(r"[0-9.]{1,20}", value) is not None,
    }
    if label in WORDS and _WORD.fullmatch(value):
        return value
    if label in allowed and allowed[label]():
        return value
    if label in ("job", "consumer", "timer"):
        return own_name(label, value, names, plugins)
    return names.of(label if label in allowed else "label", value)
