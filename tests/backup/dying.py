"""`chatserver` on SQLite, killed at its write of some number (0: never): `python -m tests.backup.dying 7 import …`.

It writes little at once, and is not patient.
"""

import functools
import os
import signal
import sys

from chatserver import Store
from chatserver.cli import main
from chatserver.copies.archive import patience, target
from chatserver_plugins.sqlite import SqlitePlugin
from tests.backup.writes import Writes


class Deadly(Writes):
    def stop(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    number = int(sys.argv.pop(1))
    target.BATCH = 100
    patience.PATIENCE_SECONDS = 1.0
    provide = SqlitePlugin.provide_store

    @functools.wraps(provide)  # with the mark of a hook
    def provide_store(self: SqlitePlugin) -> Store:
        return Deadly(provide(self), stop_at=number)

    SqlitePlugin.provide_store = provide_store  # type: ignore[method-assign]
    main(prog_name="chatserver")
