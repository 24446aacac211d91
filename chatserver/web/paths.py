"""Paths of plugins' routes: `/files/{id}` has a parameter, and `/docs/{page...}` one for the whole rest."""

import re
from typing import NamedTuple

from chatserver.errors import StartupError

_PARAMETER = re.compile(r"\{([a-z][a-z0-9_]*)(\.\.\.)?\}")
_EXAMPLE = "x"


class Pattern(NamedTuple):
    """What a path matches. `rank` sorts: of two paths that match one request, the lower one answers it."""

    regex: str
    rank: tuple[int, ...]  # for each segment: 0 a fixed text, 1 a parameter, 2 the rest
    shape: str  # the same for paths that match the same requests
    example: str


def pattern(path: str) -> Pattern:
    """The pattern of a route's path. Raises `StartupError`, without the plugin's name."""
    if not path.startswith("/"):
        raise StartupError(f"the path {path!r} does not begin with /")
    segments = path[1:].split("/")
    found = [_segment(path, segment) for segment in segments]
    names = [name for name, _, _ in found if name]
    if len(set(names)) < len(names):
        raise StartupError(f"the path {path!r} has two parameters of one name")
    if any(rank == 2 for _, rank, _ in found[:-1]):
        raise StartupError(f"the path {path!r} goes on after a parameter for the rest")
    return Pattern(
        regex="/" + "/".join(regex for _, _, regex in found),
        rank=tuple(rank for _, rank, _ in found),
        shape="/" + "/".join(_PARAMETER.sub(r"{\2}", segment) for segment in segments),
        example="/" + "/".join(_PARAMETER.sub(_EXAMPLE, segment) for segment in segments),
    )


def _segment(path: str, segment: str) -> tuple[str, int, str]:
    """The parameter's name (or ""), the rank and the regular expression of one segment."""
    parameter = _PARAMETER.fullmatch(segment)
    if parameter is not None:
        name, rest = parameter.groups()
        return (name, 2, f"(?P<{name}>.+)") if rest else (name, 1, f"(?P<{name}>[^/]+)")
    if "{" in segment or "}" in segment:
        raise StartupError(
            f"the path {path!r} has braces that are no parameter: a segment is a fixed text or "
            "{name}, in a-z, 0-9 and _"
        )
    return "", 0, re.escape(segment)
