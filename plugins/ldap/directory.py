"""Asks a directory for a person, in threads, as ldap3 waits for each answer."""

import asyncio
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from ldap3.core.exceptions import LDAPException
from ldap3.utils.conv import escape_filter_chars
from ldap3.utils.dn import parse_dn
from loguru import logger

from chatserver import ChatError
from chatserver_plugins.ldap.config import DN, NAME, Config
from chatserver_plugins.ldap.connections import Connection, Connections, Unusable
from chatserver_plugins.ldap.entry import DirectoryAway, Entry

NAME_CHARS = 256
WAITING = 64  # lookups beyond those under way; further ones are refused with limit.rate
RETRY_MS = 1000
PEOPLE_MOST = 2  # so that a second one is noticed
GROUPS_MOST = 1000

T = TypeVar("T")


class Directory:
    """Implements `Lookup`: search the person, then bind as the person, then search the groups."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._connections = Connections(config)
        self._pool = ThreadPoolExecutor(config.connections, thread_name_prefix="ldap")
        self._active = 0

    async def look_up(self, username: str, password: str) -> Entry | None:
        # With an empty password a bind succeeds without any proof (RFC 4513, 5.1.2).
        if not username or not password or len(username) > NAME_CHARS or "\0" in password:
            return None
        return await self._run(lambda: self._look_up(username, password))

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._connections.close()

    async def _run(self, work: Callable[[], T]) -> T:
        if self._active >= self._config.connections + WAITING:
            raise ChatError("limit.rate", after_ms=RETRY_MS)
        self._active += 1
        future = asyncio.get_running_loop().run_in_executor(self._pool, work)
        # Not at the end of the caller: who gives up still occupies a thread.
        future.add_done_callback(self._done)
        return await future

    def _done(self, future: "asyncio.Future[Any]") -> None:
        self._active -= 1

    # -- in a thread -----------------------------------------------------------------------------

    def _look_up(self, username: str, password: str) -> Entry | None:
        try:
            return self._connections.run(
                lambda connection: self._person(connection, username, password)
            )
        except (LDAPException, OSError) as error:
            logger.warning("ldap: the directory does not answer: {}", _said(error))
            raise DirectoryAway from error

    def _person(self, connection: Connection, username: str, password: str) -> Entry | None:
        config = self._config
        connection.be_server()
        wanted = [config.subject, config.username, config.name, config.email, config.member_of]
        typed = config.person.replace(NAME, escape_filter_chars(username))
        found = connection.search(config.base, typed, wanted, PEOPLE_MOST)
        if len(found) > 1:
            logger.warning("ldap: several entries match one name, so nobody is signed in")
        # A bind that fails takes as long as a wrong password, so that nobody learns which names exist.
        dn = found[0]["dn"] if len(found) == 1 else f"cn={secrets.token_hex(8)},{config.base}"
        if not connection.be(dn, password) or len(found) != 1:
            return None
        entry = found[0]["raw_attributes"]
        subject = _stable(entry.get(config.subject, []))
        if not subject:
            raise Unusable(f"an entry has no attribute {config.subject}")
        named = _text(entry.get(config.username, [])) or username
        return Entry(
            subject=subject,
            username=named,
            name=_text(entry.get(config.name, [])),
            email=_text(entry.get(config.email, [])),
            groups=tuple(dict.fromkeys(self._groups(connection, dn, named, entry))),
        )

    def _groups(self, connection: Connection, dn: str, username: str, entry: Any) -> Iterator[str]:
        config = self._config
        if config.member_of:
            for value in entry.get(config.member_of, []):
                yield from _common_name(value.decode("utf-8", "replace"))
        if config.group_base:
            wanted = config.group.replace(DN, escape_filter_chars(dn))
            wanted = wanted.replace(NAME, escape_filter_chars(username))
            connection.be_server()
            for group in connection.search(config.group_base, wanted, ["cn"], GROUPS_MOST):
                yield _text(group["raw_attributes"].get("cn", []))


def _text(values: list[bytes]) -> str:
    return values[0].decode("utf-8", "replace") if values else ""


def _stable(values: list[bytes]) -> str:
    """The text of an identifying attribute; Active Directory's objectGUID is 16 bytes."""
    if not values:
        return ""
    try:
        text = values[0].decode("utf-8")
    except UnicodeDecodeError:
        return values[0].hex()
    return text if text.isprintable() else values[0].hex()


def _common_name(dn: str) -> Iterator[str]:
    """The value of the first part of a DN: `cn=staff,ou=groups,…` is `staff`."""
    try:
        yield parse_dn(dn)[0][1]
    except (LDAPException, IndexError):
        logger.warning("ldap: a group has a name that is no DN")


def _said(error: BaseException) -> str:
    return str(error) or type(error).__name__
