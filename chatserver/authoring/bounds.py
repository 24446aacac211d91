"""The versions of the server that a plugin's package names; see docs/plugins/compatibility.md."""

import re
from importlib.metadata import PackageNotFoundError, requires

from chatserver.version import __version__

SERVER = "pluggable-chatserver"
_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?\s*\(?([^;)]*)")
_UPPER = re.compile(r"<|==|~=")


def bound() -> str:
    """The requirement of a package that is for this server's minor version, such as `…>=0.1,<0.2`."""
    major, minor = map(int, __version__.split(".")[:2])
    return f"{SERVER}>={major}.{minor},<{major}.{minor + 1}"


def problem(distribution: str) -> str:
    """What is wrong with the bound of a package, as a sentence; empty if nothing is."""
    if distribution == SERVER:  # a built-in plugin; extras of the server name the server
        return ""
    try:
        wanted = requires(distribution) or []
    except PackageNotFoundError:  # a single file, which belongs to its server
        return ""
    for requirement in wanted:
        found = _REQUIREMENT.match(requirement)
        if found and re.sub(r"[-_.]+", "-", found[1]).lower() == SERVER:
            return "" if _UPPER.search(found[2]) else f"{requirement} has no upper bound"
    return f"it requires no {SERVER}"
