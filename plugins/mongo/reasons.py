"""Reasons for failures of MongoDB, worded for operators and without secrets."""

import time
from collections.abc import Iterator
from datetime import UTC
from typing import Any
from urllib.parse import parse_qsl

from pymongo.errors import NotPrimaryError, OperationFailure, PyMongoError
from pymongo.monitoring import (
    ServerHeartbeatFailedEvent,
    ServerHeartbeatListener,
    ServerHeartbeatStartedEvent,
    ServerHeartbeatSucceededEvent,
)

from chatserver import Replica, Replication

# Codes of errors: github.com/mongodb/mongo, src/mongo/base/error_codes.yml
AUTHENTICATION_FAILED = (18, 8000)
UNAUTHORIZED = 13
ASKS_FOR_LOGIN = "requires authentication"


class Servers(ServerHeartbeatListener):
    """The last `hello` of each server, or the driver's error."""

    def __init__(self, uri: str) -> None:
        self._wanted = _option(uri, "replicaset")
        self._found: dict[str, Any] = {}  # a `Hello` or an exception, by host:port
        self._heard: dict[str, float] = {}  # when the last `Hello` came

    def started(self, event: ServerHeartbeatStartedEvent) -> None:
        """Do nothing. Like the others, this is called in a thread of the driver or on the loop."""

    def succeeded(self, event: ServerHeartbeatSucceededEvent) -> None:
        place = "{}:{}".format(*event.connection_id)
        self._found[place], self._heard[place] = event.reply, time.time()

    def failed(self, event: ServerHeartbeatFailedEvent) -> None:
        self._found["{}:{}".format(*event.connection_id)] = event.reply

    def replication(self) -> Replication | None:
        """The members as the driver's heartbeats see them, every 10 s; None without a primary.

        Hidden members are not seen. The lag is the staleness of the driver specification "Max Staleness": the
        difference of the last writes, corrected by the difference of the times at which they were heard of.
        """
        found = {place: each for place, each in self._found.items() if hasattr(each, "document")}
        newest = max(
            (place for place, hello in found.items() if hello.is_writable),
            key=lambda place: str(found[place].document.get("electionId")),
            default=None,
        )
        if newest is None:
            return None
        primary = found[newest].document
        others = {*primary.get("hosts", ()), *primary.get("passives", ())} - {primary.get("me")}
        behind = self._behind(newest)
        replicas = []
        for place in sorted(others):
            hello = found.get(place)
            up = hello is not None and bool(hello.document.get("secondary"))
            own = self._behind(place) if up else None
            lag = None if own is None or behind is None else max(0.0, own - behind)
            replicas.append(Replica(place, up, lag))
        return Replication(replicas, era=str(primary.get("electionId", "")))

    def _behind(self, place: str) -> float | None:
        """Seconds from the member's last write to its last `hello`."""
        wrote = self._found[place].document.get("lastWrite", {}).get("lastWriteDate")
        if wrote is None:
            return None
        at: float = wrote.replace(tzinfo=UTC).timestamp()
        return self._heard[place] - at

    def reasons(self) -> Iterator[str]:
        """The reason for each unusable server, then the problem of the others."""
        members = []
        for place, found in sorted(self._found.items()):
            if isinstance(found, BaseException):
                yield of_connection(place, found)
            elif reason := self._of_member(place, found):
                yield reason
            elif not found.is_writable:
                members.append(place)
            else:
                return  # there is a primary
        if members:
            yield f"the replica set has no primary now: {', '.join(members)} answer but are not primary"

    def _of_member(self, place: str, hello: Any) -> str:
        said = hello.document
        name = said.get("setName")
        if said.get("isreplicaset") and not name:
            return (
                f"the replica set of {place} is not initiated, or the server was removed from it: run "
                "rs.initiate() there once"
            )
        if self._wanted and name != self._wanted:
            there = f"is in the replica set {name!r}" if name else "is in no replica set"
            return f"{place} {there}, and the address asks for replicaSet={self._wanted}"
        return ""


def _option(uri: str, name: str) -> str:
    """The value of an option in an address, or an empty text."""
    options = parse_qsl(uri.partition("?")[2])
    return next((value for key, value in options if key.lower() == name), "")


def plain(error: BaseException, servers: Servers) -> str:
    """The reason for an error of the driver, or for a time-out of ours."""
    if isinstance(error, OperationFailure):
        if error.code in AUTHENTICATION_FAILED:
            return (
                "the login is refused: the user, the password or authSource in the address is wrong"
            )
        if error.code == UNAUTHORIZED:
            if ASKS_FOR_LOGIN in str(error):
                return "the server asks for a user and a password, and the address has none"
            return f"the user may not do this: {_message(error)}"
        return _message(error)
    if reasons := list(servers.reasons()):
        return "; ".join(reasons)
    if isinstance(error, NotPrimaryError):
        return "the server at the address is not the primary, or its replica set is not initiated"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return _message(error)


def _message(error: BaseException) -> str:
    """The message of the server or driver, without the appended document or topology."""
    details = getattr(error, "details", None)
    if isinstance(error, PyMongoError) and isinstance(details, dict) and details.get("errmsg"):
        return str(details["errmsg"])
    return (
        str(error).partition(", full error:")[0].partition(", Timeout:")[0] or type(error).__name__
    )


def of_connection(place: str, error: BaseException) -> str:
    """The reason why a server at `place` cannot be reached."""
    text = str(error)
    low = text.lower()
    if "certificate verify failed" in low or "hostname mismatch" in low:
        return f"the TLS certificate of {place} is not trusted, or is another host's (tlsCAFile?)"
    if "ssl handshake failed" in low or "wrong_version_number" in low or "[ssl" in low:
        return f"{place} does not speak TLS, which the address demands (tls=true?)"
    if "connection closed" in low or "connection reset" in low:
        return f"{place} closes the connection: does it speak TLS only, and the address has no tls=true?"
    if "connection refused" in low or "connect call failed" in low:
        return f"no server listens at {place}"
    if "name or service not known" in low or "nodename nor servname" in low or "errno -2" in low:
        return f"there is no host with the name in {place}"
    if "timed out" in low or "timeout" in low:
        return f"{place} does not answer in time"
    return f"{place}: {text.partition(' (configured timeouts')[0]}"
