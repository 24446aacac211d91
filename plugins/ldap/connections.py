"""Connections to the servers of a directory, kept for the next lookup. For threads."""

import contextlib
import ssl
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

import ldap3
from ldap3.core.exceptions import LDAPException
from loguru import logger

from chatserver_plugins.ldap.config import Config

IDLE_SECONDS = 60.0  # below what firewalls and directories allow
SUCCESS, SIZE_LIMIT_EXCEEDED = 0, 4  # RFC 4511, appendix A
BUSY = (51, 52)  # busy, unavailable

T = TypeVar("T")


class Unusable(LDAPException):  # type: ignore[misc]
    """The directory refused what the server itself asked for, by its settings."""


class Connection:
    """One connection to one server. It is either the server's own, or a person's."""

    def __init__(self, url: str, config: Config) -> None:
        self._config = config
        parts = urlsplit(url)
        self._ldap = ldap3.Connection(
            ldap3.Server(
                parts.hostname,
                parts.port,
                use_ssl=parts.scheme == "ldaps",
                tls=_Tls(parts.hostname or "", config.ca_file),
                get_info=ldap3.NONE,
                connect_timeout=config.timeout_seconds,
            ),
            receive_timeout=config.timeout_seconds,
            auto_referrals=False,  # another server must not get the password
            auto_encode=False,
            auto_escape=False,
            check_names=False,
            read_only=True,
        )
        self._ldap.open(read_server_info=False)
        if parts.scheme == "ldap" and config.starttls:
            self._demand(self._ldap.start_tls(read_server_info=False), "StartTLS")
        self._is_server = False
        self.used = time.monotonic()

    def be_server(self) -> None:
        """Sign in as the server, unless it is signed in. Raises `LDAPException`."""
        if not self._is_server:
            config = self._config
            self._demand(self._bind(config.bind_dn, config.bind_password), "bind_dn")
            self._is_server = True

    def be(self, dn: str, password: str) -> bool:
        """Whether this is the password of the DN. Raises `LDAPException`."""
        self._is_server = False
        is_right = self._bind(dn, password)
        if not is_right and self._ldap.result["result"] in BUSY:
            self._demand(False, "bind")
        return is_right

    def search(self, base: str, wanted: str, attributes: list[str], most: int) -> list[Any]:
        """The entries below `base`, at most so many. Raises `LDAPException`."""
        self._ldap.search(
            base,
            wanted,
            ldap3.SUBTREE,
            attributes=[each for each in attributes if each],
            size_limit=most,
        )
        self._demand(
            self._ldap.result["result"] in (SUCCESS, SIZE_LIMIT_EXCEEDED), f"search in {base}"
        )
        return [each for each in self._ldap.response if each["type"] == "searchResEntry"]

    def close(self) -> None:
        with contextlib.suppress(LDAPException, OSError):  # it may be gone already
            self._ldap.unbind()

    def _bind(self, dn: str, password: str) -> bool:
        kind = ldap3.SIMPLE if dn else ldap3.ANONYMOUS
        return bool(self._ldap.rebind(dn or None, password or None, kind))

    def _demand(self, succeeded: bool, what: str) -> None:
        if not succeeded:
            result = self._ldap.result or {}
            raise Unusable(
                f"{what}: {result.get('description')} {result.get('message', '')}".strip()
            )


class Connections:
    """At most as many as there are threads."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._lock = threading.Lock()
        self._free: list[Connection] = []
        self._servers = list(config.servers)

    def run(self, work: Callable[[Connection], T]) -> T:
        """Do this with a connection. Raises `LDAPException`, `OSError` if no server answers."""
        kept = self._kept()
        if kept is not None:
            try:
                return self._with(kept, work)
            except (LDAPException, OSError):
                pass  # the server may have closed it meanwhile; a new one tells
        return self._with(self._opened(), work)

    def close(self) -> None:
        with self._lock:
            free, self._free = self._free, []
        for connection in free:
            connection.close()

    def _with(self, connection: Connection, work: Callable[[Connection], T]) -> T:
        try:
            answer = work(connection)
        except BaseException:
            connection.close()
            raise
        connection.used = time.monotonic()
        with self._lock:
            self._free.append(connection)
        return answer

    def _kept(self) -> Connection | None:
        while True:
            with self._lock:
                if not self._free:
                    return None
                connection = self._free.pop()
            if time.monotonic() - connection.used < IDLE_SECONDS:
                return connection
            connection.close()

    def _opened(self) -> Connection:
        """A connection that is signed in as the server, to the first server that answers."""
        with self._lock:
            servers = list(self._servers)
        for place, url in enumerate(servers):
            try:
                connection = Connection(url, self._config)
                try:
                    connection.be_server()
                except BaseException:
                    connection.close()
                    raise
            except (LDAPException, OSError) as error:
                if place == len(servers) - 1:
                    raise
                logger.warning("ldap: {} does not answer, trying the next: {}", url, error)
                continue
            if place:
                with self._lock:  # it comes first from now on, so that only one sign-in waits
                    self._servers = [url, *(each for each in servers if each != url)]
            return connection
        raise AssertionError("settings have a server")


class _Tls(ldap3.Tls):  # type: ignore[misc]
    """TLS as the standard library does it, which checks the host's name too."""

    def __init__(self, host: str, ca_file: str) -> None:
        super().__init__(validate=ssl.CERT_REQUIRED)
        self._host = host
        self._context = ssl.create_default_context(cafile=ca_file or None)

    def wrap_socket(self, connection: Any, do_handshake: bool = False) -> None:
        connection.socket = self._context.wrap_socket(
            connection.socket, server_hostname=self._host, do_handshake_on_connect=do_handshake
        )
