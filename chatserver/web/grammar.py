"""Checks the heads of requests, byte by byte, against RFC 9112.

A head that a proxy in front might parse differently is refused before Tornado sees it: a bare CR or LF, a
space before a colon, a length that is given twice. Tornado itself still accepts some of these, and a request
that two parsers end at different bytes hides a second one (request smuggling).
"""

import re
from typing import Final, NamedTuple

from chatserver.errors import ChatError

MOST_FIELDS: Final = 100
TARGET_SHARE: Final = 2  # of a head that is too long, a target above half of the limit is to blame

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
_REQUEST_LINE = re.compile(rb"(" + _TOKEN + rb") ([!-~]++) HTTP/([0-9])\.([0-9])\r\n")
_FIELDS = re.compile(rb"(?:" + _TOKEN + rb":[\t -~\x80-\xff]*+\r\n)*+\r\n")
# Every field line begins behind CR LF, and no value contains that, so this finds only whole fields.
_FRAMING = re.compile(
    rb"\r\n(host|content-length|transfer-encoding):[ \t]*+([^\r]*+)(?=\r\n)", re.IGNORECASE
)
_FORWARDED = re.compile(rb"\r\nx-forwarded-for:([^\r]*+)", re.IGNORECASE)
_LENGTH = re.compile(rb"[0-9]{1,18}")
_HOST = re.compile(rb"(?:[A-Za-z0-9._~%-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_TORN = re.compile(rb"(?<!\r)\n|\r(?=[^\n])|\0")


class Head(NamedTuple):
    """Facts about a request whose head is valid."""

    length: int | None  # of the body in bytes; None if it is chunked
    target: bytes


def is_torn(part: bytes | bytearray, start: int = 0) -> bool:
    """Whether the beginning of a head is already invalid, so that there is no need to wait for its end."""
    return _TORN.search(part, start) is not None


def check(head: bytes) -> Head:
    """Check a request's head, with the empty line at its end.

    Raises `ChatError` request.invalid, request.version, request.header_too_large.
    """
    line = _REQUEST_LINE.match(head)
    if line is None:
        raise ChatError("request.invalid", "The request line cannot be read.")
    if line[3] != b"1" or line[4] not in b"01":
        raise ChatError("request.version")
    if head.count(b"\r\n") > MOST_FIELDS + 2:
        raise ChatError("request.header_too_large", f"More than {MOST_FIELDS} header fields.")
    if _FIELDS.fullmatch(head, line.end()) is None:
        raise ChatError("request.invalid", "The header cannot be read.")
    found: dict[bytes, bytes] = {}
    for name, value in _FRAMING.findall(head, line.end() - 2):
        name = name.lower()
        if name in found:
            raise ChatError("request.invalid", f"{name.decode()}: expected once.")
        found[name] = value.rstrip(b" \t")
    return Head(_length(found, old=line[4] == b"0"), line[2])


def forwarded(head: bytes) -> str:
    """All of X-Forwarded-For in a request's head."""
    return ",".join(part.decode("latin-1") for part in _FORWARDED.findall(head))


def _length(found: dict[bytes, bytes], *, old: bool) -> int | None:
    """The length of the body by RFC 9112 section 6.3; raises for every ambiguous case."""
    host, length, coding = (
        found.get(name) for name in (b"host", b"content-length", b"transfer-encoding")
    )
    if (host is None and not old) or (host is not None and not _HOST.fullmatch(host)):
        raise ChatError(
            "request.invalid", "host: expected a name or address, with or without port."
        )
    if coding is not None:
        if length is not None or old or coding.lower() != b"chunked":
            raise ChatError("request.invalid", "transfer-encoding: expected chunked alone.")
        return None
    if length is None:
        return 0
    if not _LENGTH.fullmatch(length):
        raise ChatError("request.invalid", "content-length: expected a whole number.")
    return int(length)
