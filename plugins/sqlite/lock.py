"""Who may write the file: one process at a time, until it lets go or dies."""

import contextlib
import fcntl
import os
from pathlib import Path

from chatserver import StartupError


def locked(path: Path) -> int:
    """Keep other servers out, which would write beside this one; closing the descriptor lets them in.

    The lock is the process's: a second store in it, as in tests, is let in. Raises `StartupError`
    where another one has it, and `OSError`.
    """
    real = path.resolve()
    lock = os.open(
        real.with_name(real.name + "-lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
    )
    try:
        fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = os.pread(lock, 20, 0).decode(errors="replace").strip()
        os.close(lock)
        raise StartupError(f"in use by another server (process {holder or '?'})") from error
    with contextlib.suppress(OSError):  # on a full disk others are not told who has it
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
    return lock
