"""A self-hosted, pluggable chat server. The names here are what plugins may use.

They are those of `chatserver.names`, which is imported with the first of them: the `chatserver` command answers without it.
"""

import importlib
from typing import TYPE_CHECKING, Any

from chatserver.version import __version__ as __version__

if TYPE_CHECKING:
    from chatserver.names import *  # noqa: F403 - all are public
    from chatserver.names import __all__ as __all__


def __getattr__(name: str) -> Any:
    if name.startswith("__") and name != "__all__":
        raise AttributeError(name)  # what Python itself asks of a module
    try:
        found = getattr(_names(), name)
    except AttributeError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    globals()[name] = found  # so that it is not asked for again
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_names().__all__})


def _names() -> Any:
    return importlib.import_module("chatserver.names")
