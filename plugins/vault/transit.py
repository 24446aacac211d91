"""A master key in the transit engine of HashiCorp Vault (or OpenBao): it never leaves there."""

import base64
import binascii
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest
from tornado.simple_httpclient import HTTPTimeoutError, SimpleAsyncHTTPClient

from chatserver import StartupError
from chatserver_plugins.vault.config import VaultConfig
from chatserver_plugins.vault.masters import MasterUnavailable, Wrapped, WrongMaster

PREFIX = "transit:"  # of the ids of these keys, before the path of the engine and the key's name
ANSWER_BYTES = 1 << 20


class TransitMaster:
    """Vault keeps several versions of a key, and tells by itself with which one a ciphertext was made."""

    def __init__(self, config: VaultConfig) -> None:
        """Raises `StartupError` if `ca_file` cannot be used."""
        self._config = config
        self.id = f"{PREFIX}{config.transit_mount}/{config.transit_key_name}"
        try:
            file = config.ca_file
            self._tls = ssl.create_default_context(cafile=file) if file else None
        except OSError as error:  # errors in the file's content too
            raise StartupError(f"plugin.vault.ca_file: {error}") from error
        self._client: AsyncHTTPClient | None = None

    def name(self) -> str:
        return f"the key {self.id.removeprefix(PREFIX)} in HashiCorp Vault (plugin.vault.transit_key_name)"

    def has(self, id: str) -> bool:
        """Also keys of other names, as long as the token may use them."""
        return id.startswith(PREFIX)

    async def is_present(self, id: str) -> bool:
        return id == self.id

    async def wrap(self, key: bytes) -> Wrapped:
        body = {"plaintext": base64.b64encode(key).decode()}
        found = await self._asked("encrypt", self.id, body, "ciphertext")
        return Wrapped(self.id, found.encode())

    async def unwrap(self, wrapped: Wrapped) -> bytes:
        body = {"ciphertext": wrapped.data.decode()}
        found = await self._asked("decrypt", wrapped.master, body, "plaintext")
        try:
            return base64.b64decode(found, validate=True)
        except binascii.Error:
            raise MasterUnavailable("it answers with something else") from None

    async def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    async def _asked(self, do: str, id: str, body: dict[str, str], wanted: str) -> str:
        mount, _, name = id.removeprefix(PREFIX).rpartition("/")
        path = f"/v1/{quote(mount)}/{do}/{quote(name, safe='')}"
        code, answer = await self._fetched(path, msgspec.json.encode(body))
        if code == 400 and do == "decrypt":
            raise WrongMaster(_errors(answer))
        if code != 200:
            raise MasterUnavailable(f"it answers {code} to {path}: {_errors(answer)}".rstrip(": "))
        try:
            found: Any = msgspec.json.decode(answer)["data"][wanted]
        except (msgspec.DecodeError, KeyError, TypeError):
            found = None
        if not isinstance(found, str):
            raise MasterUnavailable("it answers with something else")
        return found

    async def _fetched(self, path: str, body: bytes) -> tuple[int, bytes]:
        seconds = self._config.timeout_seconds
        if self._client is None:
            self._client = SimpleAsyncHTTPClient(force_instance=True, max_body_size=ANSWER_BYTES)
        request = HTTPRequest(
            f"{self._config.transit_url.rstrip('/')}{path}",
            method="POST",
            body=body,
            headers={"X-Vault-Token": self._token(), "Content-Type": "application/json"},
            follow_redirects=False,
            ssl_options=self._tls,
            connect_timeout=seconds,
            request_timeout=seconds,
        )
        try:
            answer = await self._client.fetch(request, raise_error=False)
        except HTTPTimeoutError:
            raise MasterUnavailable(f"it does not answer in {seconds:g} s") from None
        except (HTTPClientError, OSError, ValueError) as error:
            raise MasterUnavailable(f"it cannot be reached: {type(error).__name__}") from None
        return answer.code, answer.body

    def _token(self) -> str:
        if self._config.transit_token:
            return self._config.transit_token
        path = self._config.transit_token_file
        try:
            return Path(path).read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise MasterUnavailable(f"plugin.vault.transit_token_file: {path}: {error}") from None


def _errors(answer: bytes) -> str:
    """What the service says, of which each line is an error."""
    try:
        found = msgspec.json.decode(answer, type=dict[str, list[str] | Any])["errors"]
    except (msgspec.DecodeError, KeyError):
        return ""
    return "; ".join(map(str, found)) if isinstance(found, list) else ""
