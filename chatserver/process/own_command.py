"""The command by which this process was started, for another process of the same server."""

import os
import sys


def own_command() -> list[str]:
    """The command with its arguments.

    A script is started by itself, and not by the present interpreter: where a link leads to another release by
    now, that release has an interpreter of its own.
    """
    script, given = sys.argv[0], sys.orig_argv[1:]
    if script in given and os.access(script, os.X_OK):
        return given[given.index(script) :]
    return [sys.executable, *given]
