"""Access to a private mongod: its key file, and the account for the server and its operator.

Both are kept in files beside the database that only their owner can read. The key file gives all rights
(MongoDB's own account `__system`); with it the account is made once, even in a database that had no accounts
before.
"""

import base64
import hashlib
import os
import secrets
from pathlib import Path
from urllib.parse import quote

from chatserver import StartupError

USER = "chatserver"
KEY_BYTES = 96  # 128 characters in base64; MongoDB accepts 6 to 1024


class Access:
    """The files in the folder of a private mongod; made by `make`."""

    def __init__(self, folder: Path) -> None:
        self.key_file = folder / "keyfile"
        self._password = folder / "password"
        self._address = folder / "uri"

    def make(self) -> None:
        """Make missing files. Raises `StartupError`."""
        key = base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()
        _written_once(self.key_file, key)
        _written_once(self._password, secrets.token_hex(32))

    def system(self, host: str) -> str:
        """The address for making the account and the replica set."""
        key = quote(self.key_file.read_text().strip(), safe="")
        return (
            f"mongodb://__system:{key}@{host}/?directConnection=true&authSource=local"
            "&authMechanism=SCRAM-SHA-256"
        )

    def account(self) -> dict[str, object]:
        """Arguments for `createUser` and `updateUser`. `customData` identifies the password by a hash."""
        password = self._password.read_text().strip()
        return {
            "pwd": password,
            "customData": {"password": hashlib.sha256(password.encode()).hexdigest()[:16]},
            "roles": [{"role": "root", "db": "admin"}],
            "mechanisms": ["SCRAM-SHA-256"],
        }

    def address(self, host: str, replica_set: str) -> str:
        """The address for clients, without a password if an older server without accounts runs the mongod."""
        options = f"?replicaSet={replica_set}"
        try:
            password = self._password.read_text().strip()
        except OSError:
            return f"mongodb://{host}/{options}"
        return f"mongodb://{USER}:{password}@{host}/{options}&authSource=admin"

    def note_address(self, address: str) -> None:
        """Write the address to a file for operators: `mongosh "$(cat …/uri)"`. Raises `OSError`."""
        temporary = self._address.with_suffix(".new")
        temporary.unlink(missing_ok=True)
        _write(temporary, address)
        temporary.replace(self._address)


def _written_once(path: Path, text: str) -> None:
    """Write a new file, completely or not at all; an existing one is only made private again."""
    temporary = path.with_suffix(".new")
    try:
        if path.exists():
            path.chmod(0o600)  # mongod refuses a key file that others can read
            return
        temporary.unlink(missing_ok=True)
        _write(temporary, text)
        temporary.replace(path)
    except OSError as error:
        raise StartupError(f"plugin.mongo: {path}: {error.strerror}") from error


def _write(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(f"{text}\n")
        file.flush()
        os.fsync(descriptor)
