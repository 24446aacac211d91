"""Whose the files of backups are, and what to do where they are somebody else's.

A backup that root makes beside a server of another user has to be one that this server can go on with: it
is handed over to that user before it gets its name.
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
        """By name where it has one."""
        try:
            return pwd.getpwuid(self.uid).pw_name
        except KeyError:
            return str(self.uid)


def owner_for(folder: Path, data: Path) -> Owner | None:
    """Who gets what root makes in `folder`: who owns it, else who owns the server's `data`.

    None where nothing has to be handed over: we are not root, or both are root's or not there.
    """
    if os.geteuid() != ROOT:
        return None
    owners = [owner for path in (folder, data) if (owner := _owner(path)) is not None]
    return next((owner for owner in owners if owner.uid != ROOT), None)


def hand_over(path: Path, owner: Owner | None) -> None:
    """Everything in `path`, and at last itself; links are not followed. Raises `OSError`."""
    if owner is None:
        return
    for _, folders, files, descriptor in os.fwalk(path):
        for name in (*folders, *files):
            os.chown(name, *owner, dir_fd=descriptor, follow_symlinks=False)
    os.chown(path, *owner, follow_symlinks=False)


def hand_over_new(folder: Path, owner: Owner | None) -> None:
    """Make a folder with all above it that is missing; those are the owner's. Raises `OSError`."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for each in missing if owner else ():
        hand_over(each, owner)


def reason(path: Path, error: OSError) -> str:
    """What the system said; where rights are missing, also whose the file is and how to get it."""
    said = error.strerror or str(error)
    if error.errno not in (errno.EACCES, errno.EPERM) or os.geteuid() == ROOT:
        return said
    for each in (path, *path.parents):
        owner = _owner(each)
        if owner is None:
            continue
        if owner.uid == os.geteuid():
            break
        me = Owner(os.geteuid(), os.getegid())
        return (
            f"{said}: {each} belongs to {owner.user}, and this process runs as {me.user}: "
            f"chown -R {me.user}: {each}"
        )
    return said


def _owner(path: Path) -> Owner | None:
    with contextlib.suppress(OSError):
        found = path.lstat()
        return Owner(found.st_uid, found.st_gid)
    return None
