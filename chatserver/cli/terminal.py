"""Ctrl+C under make: the terminal sends the signal to all foreground programs, and make ends with an error.

So a server started by make takes the foreground for itself, and gives it back at its end.
"""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def own_foreground() -> Iterator[None]:
    """Take the foreground of the terminal for this process if make shares it; else do nothing.

    Ctrl+Z does nothing meanwhile: it would stop this process but not make, for which the shell waits.
    """
    group = _group_of_make()
    if group is None:
        yield
        return
    # A background group gets this signal when it asks for the foreground.
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    signal.signal(signal.SIGTSTP, signal.SIG_IGN)
    with suppress(OSError):  # the terminal is gone
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
