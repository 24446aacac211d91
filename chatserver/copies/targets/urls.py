"""The configured targets: made from URLs, which hold no secrets."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

from chatserver.config import BackupConfig
from chatserver.copies.targets.folder import FolderTarget
from chatserver.errors import StartupError
from chatserver.hooks.targets import BackupScheme, BackupTarget

PLAIN = (
    "backup.targets: {name}: backups that leave this machine must be encrypted: set backup.key_file, or "
    "allow plain ones with backup.allow_plain_targets"
)
FILE = BackupScheme("file", FolderTarget)
SHIPPED = ("s3", "sftp")  # schemes of plugins that come with the server, for the advice in an error


class Named(NamedTuple):
    """A target and its name, which may be shown: the URL without its parameters."""

    name: str
    target: BackupTarget


def is_url(text: str) -> bool:
    """Whether the text is a target's URL, not a path."""
    return "://" in text


def configured_targets(
    config: BackupConfig, encrypted: bool, schemes: Sequence[BackupScheme]
) -> list[Named]:
    """All targets of `backup.targets`, unopened. Raises `StartupError` with the URL that is wrong."""
    found: dict[str, Named] = {}
    for url in config.targets:
        named = target_of(url, schemes)
        if named.name in found:
            raise StartupError(f"backup.targets: {named.name} is listed twice")
        if named.target.remote and not encrypted and not config.allow_plain_targets:
            raise StartupError(PLAIN.format(name=named.name))
        found[named.name] = named
    return list(found.values())


def target_of(url: str, schemes: Sequence[BackupScheme]) -> Named:
    """The target at a URL, unopened. Raises `StartupError`."""
    name = name_of(url)
    known = {scheme.name: scheme for scheme in (FILE, *schemes)}
    scheme = name.partition("://")[0]
    if scheme not in known:
        advice = f": add {scheme} to plugins.enabled" if scheme in SHIPPED else ""
        raise StartupError(
            f"backup.targets: {name}: no plugin knows {scheme}://, only "
            f"{', '.join(f'{each}://' for each in sorted(known))}{advice}"
        )
    try:
        return Named(name, known[scheme].make(url))
    except ValueError as error:
        raise StartupError(f"backup.targets: {name}: {error}") from None


def name_of(url: str) -> str:
    """The URL without its parameters. Raises `StartupError`, which does not show a password."""
    try:
        parts = urlsplit(url)
        password, _ = parts.password, parts.port
    except ValueError as error:
        raise StartupError(f"backup.targets: this is not a URL: {error}") from None
    if password is not None:
        raise StartupError(
            f"backup.targets: {_shown(parts)}: a password does not belong into a URL: use a key file"
        )
    if not parts.scheme or not (parts.netloc or parts.path):
        raise StartupError("backup.targets: expected URLs such as s3://bucket/prefix")
    if parts.fragment:
        raise StartupError(f"backup.targets: {_shown(parts)}: a URL may not have a #")
    return _shown(parts)


def parameters(url: str, known: Mapping[str, str]) -> dict[str, str]:
    """The parameters of a URL over their defaults. Raises `ValueError` for one that is not known."""
    found = dict(known)
    query = urlsplit(url).query
    for name, _, value in (each.partition("=") for each in query.split("&") if each):
        if name not in known:
            raise ValueError(f"unknown parameter {name}: expected {', '.join(known) or 'none'}")
        found[name] = unquote(value)
    return found


def _shown(parts: SplitResult) -> str:
    user = f"{parts.username}@" if parts.username else ""
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{user}{host}{parts.path}".rstrip("/")
