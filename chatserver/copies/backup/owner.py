"""Ownership of backup files, and advice for operators if the owner is wrong.

A server that runs as an unprivileged user must be able to continue a backup that root made. So root hands
its files over to that user before the backup gets its name.
"""

import contextlib
import errno
import os
import pwd
from pathlib import Path
from typing import NamedTuple

ROOT = 0


class Owner(NamedTuple):
    """Ids of a user and a group."""

    uid: int
    gid: int

    @property
    def user(self) -> str:
        """The user's name, or the id if the user has none."""
        try:
            return pwd.getpwuid(self.uid).pw_name
        except KeyError:
            return str(self.uid)


def owner_for(folder: Path, data: Path) -> Owner | None:
    """The owner of files that root makes in `folder`: the owner of `folder`, else of the server's `data`.

    None if there is nothing to hand over: we are not root, or both folders are root's or missing.
    """
    if os.geteuid() != ROOT:
        return None
    owners = [owner for path in (folder, data) if (owner := _owner(path)) is not None]
    return next((owner for owner in owners if owner.uid != ROOT), None)


def hand_over(path: Path, owner: Owner | None) -> None:
    """Change the owner of everything in `path`, then of `path`; follows no links. Raises `OSError`."""
    if owner is None:
        return
    for _, folders, files, descriptor in os.fwalk(path):
        for name in (*folders, *files):
            os.chown(name, *owner, dir_fd=descriptor, follow_symlinks=False)
    os.chown(path, *owner, follow_symlinks=False)


def hand_over_new(folder: Path, owner: Owner | None) -> None:
    """Make a folder and its missing parents, all owned by `owner`. Raises `OSError`."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for each in missing if owner else ():
        hand_over(each, owner)


def reason(path: Path, error: OSError) -> str:
    """The system's message; if access was denied, also the file's owner and the command to change it."""
    message = error.strerror or str(error)
    if error.errno not in (errno.EACCES, errno.EPERM) or os.geteuid() == ROOT:
        return message
    for each in (path, *path.parents):
        owner = _owner(each)
        if owner is None:
            continue
        if owner.uid == os.geteuid():
            break
        me = Owner(os.geteuid(), os.getegid())
        return (
            f"{message}: {each} belongs to {owner.user}, and this process runs as {me.user}: "
            f"chown -R {me.user}: {each}"
        )
    return message


def _owner(path: Path) -> Owner | None:
    with contextlib.suppress(OSError):
        found = path.lstat()
        return Owner(found.st_uid, found.st_gid)
    return None
