"""What an extra of the package installs, and what to say where it is not installed."""

from collections.abc import Iterator
from contextlib import contextmanager

from chatserver.errors import StartupError


@contextmanager
def from_extra(extra: str, module: str) -> Iterator[None]:
    """Around imports that need `module`, which `pip install 'chatserver[EXTRA]'` brings.

    In a hook, not at the top of a file: so a plugin can be listed and described without it. Raises
    `StartupError` if it is missing.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        text = f"{module} is missing: pip install 'chatserver[{extra}]'"
        raise StartupError(text) from error
