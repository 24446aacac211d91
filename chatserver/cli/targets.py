"""Targets of backups for the commands: chosen by a URL, read through a download."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from chatserver.errors import StartupError

if TYPE_CHECKING:
    from chatserver.config import Config, Loaded
    from chatserver.copies.backup.erasures import Entry
    from chatserver.copies.backup.moment import Moment
    from chatserver.copies.backup.reading import Backup
    from chatserver.copies.backup.vault import VaultReader
    from chatserver.copies.targets.guarded import Guarded
    from chatserver.copies.targets.mirror import Mirror
    from chatserver.copies.targets.summary import TargetRow


class Located(NamedTuple):
    """A backup on this machine, the vault with the files of users that it needs, and the erasures to do again."""

    backup: Backup
    vault: VaultReader
    erasures: Sequence[Entry]


def is_url(text: str | None) -> bool:
    """Whether the text is a target's URL, not a path."""
    return text is not None and "://" in text


@contextmanager
def located(
    place: str, loaded: Loaded, moment: Moment | None = None, *, incomplete: bool = False
) -> Iterator[Located]:
    """The backup at a path or URL, or the newest one there that is not later than the moment.

    One from a URL is downloaded into a folder below TMPDIR, which is removed at the end. After an error it stays,
    and the next call goes on there. Files of users are not downloaded: the vault reads each from the target when it
    is asked for. Raises `StartupError`.
    """
    from chatserver.cli.stores import run_quietly
    from chatserver.copies.backup.key import configured_key
    from chatserver.copies.backup.moment import choose
    from chatserver.copies.backup.vault import vault_of
    from chatserver.copies.targets.vaultreading import TargetVault

    key = configured_key(loaded.config.backup)
    if not is_url(place):
        found = choose(Path(place), key, moment, incomplete=incomplete)
        yield Located(found, vault_of(found.folder, key), erasures(found.folder.parent, loaded))
        return
    folder = _download_folder(place)
    try:
        found = run_quietly(_downloaded(place, loaded, moment, folder, incomplete))
        there = run_quietly(_erasures_at(place, loaded))
        vault = TargetVault(target_at(place, loaded.config)[0], key)
        yield Located(found, vault, erasures(None, loaded, there))
    except BaseException:
        click.echo(f"the download stays in {folder}: the same command goes on there", err=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)


def erasures(
    folder: Path | None, loaded: Loaded, further: Mapping[str, bytes] | None = None
) -> list[Entry]:
    """The ledger of erasures in a folder of backups, in the configured one, and of `further` lines by their names.

    Raises `StartupError`.
    """
    from chatserver.copies.backup.configured import shelf_of
    from chatserver.copies.backup.erasures import ErasureLedger, opened
    from chatserver.copies.backup.key import configured_key

    key, lines = configured_key(loaded.config.backup), dict(further or {})
    for each in {shelf_of(loaded.config).folder, folder}:
        if each is not None:
            lines |= ErasureLedger(each, key).files()
    return [opened(name, data, key) for name, data in sorted(lines.items())]


async def _erasures_at(url: str, loaded: Loaded) -> dict[str, bytes]:
    from chatserver.copies.targets.erasures import erasures_on

    target, _ = target_at(url, loaded.config)
    try:
        return await erasures_on(target)
    finally:
        await target.close()


async def _downloaded(
    url: str, loaded: Loaded, moment: Moment | None, folder: Path, incomplete: bool
) -> Backup:
    from chatserver.cli.progress import progress
    from chatserver.copies.backup.errors import BackupError
    from chatserver.copies.backup.key import configured_key
    from chatserver.copies.backup.moment import choose
    from chatserver.copies.targets.reading import fetch, fetch_manifest, fetch_manifests

    target, name = target_at(url, loaded.config)
    key = configured_key(loaded.config.backup)
    try:
        if name:
            found = await fetch_manifest(target, name, folder)
            if found is None:
                raise BackupError(f"{target.name}: there is no complete backup {name} on it")
            backup = choose(found, key, moment, incomplete=incomplete)
        else:
            await fetch_manifests(target, folder)
            try:
                backup = choose(folder, key, moment, incomplete=incomplete)
            except BackupError as error:
                raise BackupError(str(error).replace(str(folder), target.name)) from None
        with progress(f"downloaded from {target.name}, bytes") as show:
            await fetch(target, backup, show)
    finally:
        await target.close()
    return backup


def target_at(url: str, config: Config) -> tuple[Guarded, str]:
    """The target at a URL, and the backup if the URL names one, else "". Raises `StartupError`."""
    from urllib.parse import urlsplit

    from chatserver.copies.backup.shelf import is_name
    from chatserver.copies.targets.enabled import enabled_schemes
    from chatserver.copies.targets.guarded import Guarded
    from chatserver.copies.targets.urls import name_of, target_of

    name_of(url)  # raises if it is not a URL
    parts = urlsplit(url)
    path, _, last = parts.path.rstrip("/").rpartition("/")
    name = last if is_name(last) else ""
    if name:
        url = parts._replace(path=path).geturl()
    named = target_of(url, enabled_schemes(config))
    return Guarded(named, config.backup.target_timeout_seconds), name


def mirrors(loaded: Loaded) -> list[Mirror]:
    """A mirror for each of `backup.targets`. Raises `StartupError`."""
    from chatserver.copies.targets.enabled import enabled_schemes
    from chatserver.copies.targets.mirrors import mirrors_of

    return mirrors_of(loaded.config, enabled_schemes(loaded.config))


def summaries(loaded: Loaded) -> list[TargetRow]:
    """What each of `backup.targets` holds, or why it cannot be read."""
    from chatserver.cli.stores import run_quietly
    from chatserver.copies.backup.key import configured_key
    from chatserver.copies.targets.summary import summary

    key = configured_key(loaded.config.backup)
    targets = [target_at(url, loaded.config)[0] for url in loaded.config.backup.targets]

    async def ask() -> list[TargetRow]:
        return [await summary(target, key) for target in targets]

    return run_quietly(ask()) if targets else []


@contextmanager
def manifests(url: str, loaded: Loaded) -> Iterator[Path]:
    """A temporary folder with the manifests of all backups on a target. Raises `StartupError`."""
    from chatserver.cli.scratch import scratch_folder
    from chatserver.cli.stores import run_quietly
    from chatserver.copies.targets.reading import fetch_manifests

    target, _ = target_at(url, loaded.config)

    async def ask(folder: Path) -> None:
        try:
            await fetch_manifests(target, folder)
        finally:
            await target.close()

    with scratch_folder("chatserver-") as folder:
        run_quietly(ask(Path(folder)))
        yield Path(folder)


def _download_folder(url: str) -> Path:
    """The folder for downloads from this URL, the same each time. Raises `StartupError`."""
    digest = hashlib.sha256(url.encode()).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"chatserver-download-{digest}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise StartupError(f"no folder can be made below TMPDIR: {error.strerror}") from error
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise StartupError(f"{folder}: it is not a folder of this user: remove it, or set TMPDIR")
    return folder
