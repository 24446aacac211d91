"""The two accounts of the probe, from a file that only its owner should be able to read."""

from pathlib import Path
from typing import NamedTuple

from chatserver.errors import StartupError


class Account(NamedTuple):
    """An account with its password, or a token of an open session with an empty name."""

    name: str
    secret: str


def read_accounts(path: Path) -> tuple[Account, Account]:
    """The accounts in a file of two lines, each `USERNAME PASSWORD` or a token alone.

    The first account sends. Empty lines and lines that begin with # are skipped. Raises `StartupError`.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise StartupError(
            f"--accounts {path}: {getattr(error, 'strerror', None) or error}"
        ) from None
    found = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if len(found) != 2:
        raise StartupError(
            f"--accounts {path}: expected two lines with an account each, got {len(found)}"
        )
    sender, receiver = map(_account, found)
    if sender.name and sender.name == receiver.name:
        raise StartupError(
            f"--accounts {path}: both lines name {sender.name}, expected two accounts"
        )
    return sender, receiver


def _account(line: str) -> Account:
    name, _, secret = line.partition(" ")
    return Account(name, secret.strip()) if secret else Account("", name)
