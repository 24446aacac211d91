"""Master keys: each wraps a few keys of 32 bytes, the root keys of a vault, and is never in the store.

Here are those from a file or a setting; `kms.py` and `transit.py` have those that never leave a service.
"""

import base64
import binascii
import hmac
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from chatserver import StartupError

KEY_BYTES = 32
NONCE_BYTES = 12
HOW = "expected 32 random bytes in base64 or hexadecimal, such as `openssl rand -base64 32` prints"
_PURPOSE = b"chatserver vault root key"  # the associated data of wrapped keys


class Wrapped(NamedTuple):
    """A wrapped key, and the id of the master key that wrapped it."""

    master: str
    data: bytes


class MasterUnavailable(Exception):
    """A service with a master key does not answer, or refuses. The text is for operators."""


class WrongMaster(Exception):
    """A wrapped key does not match the master key. The text is for operators."""


class Master(Protocol):
    """One source of master keys."""

    def name(self) -> str:
        """The source for operators, such as `the key 1f2e… (plugin.vault.key_file)`."""

    def has(self, id: str) -> bool:
        """Whether it can open what the master key with this id has wrapped."""

    async def is_present(self, id: str) -> bool:
        """Whether it would now wrap with the master key of this id. Raises `MasterUnavailable`."""

    async def wrap(self, key: bytes) -> Wrapped:
        """Raises `MasterUnavailable`."""

    async def unwrap(self, wrapped: Wrapped) -> bytes:
        """Raises `MasterUnavailable`, `WrongMaster`."""

    async def close(self) -> None:
        """Never raises."""


class Masters:
    """The present source of master keys, and earlier ones, which only open what they have wrapped."""

    def __init__(self, present: Master, older: Sequence[Master] = ()) -> None:
        self.present, self._all = present, (present, *older)

    async def wrap(self, key: bytes) -> Wrapped:
        """Raises `StartupError` if the service of the present key does not answer."""
        try:
            return await self.present.wrap(key)
        except MasterUnavailable as error:
            raise StartupError(f"plugin.vault: {self.present.name()}: {error}") from None

    async def is_present(self, id: str) -> bool:
        """Whether the present master key is that with this id. Raises `StartupError` as `wrap`."""
        try:
            return await self.present.is_present(id)
        except MasterUnavailable as error:
            raise StartupError(f"plugin.vault: {self.present.name()}: {error}") from None

    async def unwrap(self, wrapped: Wrapped) -> bytes:
        """Raises `StartupError` that names the key if it is missing or wrong, or its service does not answer."""
        for master in self._all:
            if master.has(wrapped.master):
                try:
                    return await master.unwrap(wrapped)
                except WrongMaster as error:
                    raise StartupError(
                        f"plugin.vault: {master.name()} does not open the keys of this store: {error}"
                    ) from None
                except MasterUnavailable as error:
                    raise StartupError(f"plugin.vault: {master.name()}: {error}") from None
        known = ", ".join(master.name() for master in self._all)
        raise StartupError(
            f"plugin.vault: the master key {wrapped.master} is missing: the keys of this store are wrapped with it. "
            f"Configured: {known}. An earlier key belongs into plugin.vault.old_key_files until "
            "`chatserver plugin run vault rotate-master` is done"
        )

    async def close(self) -> None:
        for master in self._all:
            await master.close()


class LocalMaster:
    """A master key that this process has. `setting` is where it comes from."""

    def __init__(self, secret: bytes, setting: str) -> None:
        # Two keys by HKDF-Expand (RFC 5869): that for wrapping, and one whose beginning is the id.
        self._cipher = AESGCM(hmac.digest(secret, b"chatserver vault wrap\x01", "sha256"))
        self.id = hmac.digest(secret, b"chatserver vault id\x01", "sha256")[:8].hex()
        self._setting = setting

    def __repr__(self) -> str:
        return f"LocalMaster({self.id})"

    def name(self) -> str:
        return f"the key {self.id} ({self._setting})"

    def has(self, id: str) -> bool:
        return id == self.id

    async def is_present(self, id: str) -> bool:
        return id == self.id

    async def wrap(self, key: bytes) -> Wrapped:
        nonce = os.urandom(NONCE_BYTES)
        return Wrapped(self.id, nonce + self._cipher.encrypt(nonce, key, _PURPOSE))

    async def unwrap(self, wrapped: Wrapped) -> bytes:
        nonce, data = wrapped.data[:NONCE_BYTES], wrapped.data[NONCE_BYTES:]
        try:
            return self._cipher.decrypt(nonce, data, _PURPOSE)
        except (InvalidTag, ValueError):
            raise WrongMaster("the wrapped root key was damaged or changed") from None

    async def close(self) -> None:
        """Do nothing."""


def from_file(path: str, setting: str) -> LocalMaster:
    """Raises `StartupError`."""
    where = f"plugin.vault.{setting}: {path}"
    try:
        text = Path(path).read_text(encoding="ascii")
    except OSError as error:
        raise StartupError(f"{where}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise StartupError(f"{where}: {HOW}") from None
    return from_text(text, where, f"plugin.vault.{setting}")


def from_text(text: str, where: str, setting: str) -> LocalMaster:
    """Raises `StartupError`, whose message does not show the text."""
    for decode in (bytes.fromhex, _base64):
        try:
            secret = decode(text.strip())
        except ValueError:
            continue
        if len(secret) == KEY_BYTES:
            return LocalMaster(secret, setting)
    raise StartupError(f"{where}: {HOW}")


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError from error
