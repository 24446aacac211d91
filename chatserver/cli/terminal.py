"""Ctrl+C under make: the terminal sends it to all programs in its foreground, and make ends with an error.

So a server that make has started takes the foreground for itself, and gives it back at its end.
"""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def own_foreground() -> Iterator[None]:
    """Take the foreground of the terminal for this process if make shares it; else do nothing.

    Ctrl+Z does nothing meanwhile: it would stop this process, and not make, for which a shell waits.
    """
    group = _group_of_make()
    if group is None:
        yield
        return
    # A group that is not in the foreground gets this signal when it asks for it.
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    signal.signal(signal.SIGTSTP, signal.SIG_IGN)
    with suppress(OSError):  # a terminal that is gone needs nothing
        if os.getpgrp() != os.getpid():
            os.setpgid(0, 0)
        os.tcsetpgrp(0, os.getpgrp())
    try:
        yield
    finally:
        with suppress(OSError):
            os.tcsetpgrp(0, group)


def _group_of_make() -> int | None:
    """The process group of the make that started this, if it shares the terminal of standard input."""
    if "MAKELEVEL" not in os.environ or sys.platform == "win32":
        return None
    try:
        front = os.tcgetpgrp(0)
        group = os.getpgid(os.getppid())
    except OSError:  # no terminal
        return None
    return group if front in (group, os.getpgrp()) else None
