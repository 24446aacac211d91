"""The package's extras: optional dependencies, and how to install a missing one."""

from collections.abc import Iterator
from contextlib import contextmanager

from chatserver.errors import StartupError


def how_to_install(extra: str) -> str:
    """The command that installs an extra, from a checkout or wheel, as the package is on no index."""
    return f"pip install '.[{extra}]' in the checkout, or 'FILE.whl[{extra}]' with the wheel"


@contextmanager
def from_extra(extra: str, module: str) -> Iterator[None]:
    """Wraps imports that need `module`, which `extra` installs.

    Use it in a hook, not at the top of a file, so that a plugin can be listed without its extra. Raises
    `StartupError` if the module is missing.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        raise StartupError(f"{module} is missing: {how_to_install(extra)}") from error
