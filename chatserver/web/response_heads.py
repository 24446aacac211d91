"""The headers that every answer has, and the head of the commonest answers, ready-made.

Tornado makes, checks and joins the headers of each answer anew, a quarter of the time of a small request.
"""

import random
import re
import time
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus

import msgspec

from chatserver.errors import ChatError
from chatserver.protocol import ErrorBody, error_body


def content_policy(origin: str = "", *, fetches: bool = False) -> str:
    """The value of Content-Security-Policy: the page loads nothing from elsewhere and runs nothing inline.

    `origin` is one from which its scripts, styles and pictures may come as well, such as https://cdn.example.org;
    `fetches` is whether scripts may get files from there themselves.
    """
    own = f"'self' {origin}".rstrip()
    reached = own if fetches else "'self'"
    return (
        f"default-src 'none'; script-src {own}; style-src {own}; img-src {own} data:; media-src 'self'; "
        f"connect-src {reached} ws: wss:; manifest-src 'self'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    )


# A policy counts for documents and workers alone. For what is neither this one says all, in fewer bytes.
NOTHING = "default-src 'none'"
JSON = "application/json"

SECURITY_HEADERS = {
    "Content-Security-Policy": content_policy(),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}
# Unless a handler says otherwise.
DEFAULT_HEADERS = SECURITY_HEADERS | {"Server": "chatserver", "Cache-Control": "no-store"}

JSON_HEADERS = DEFAULT_HEADERS | {"Content-Security-Policy": NOTHING}

_FIELDS = "".join(f"{name}: {value}\r\n" for name, value in JSON_HEADERS.items())
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9.+-]+/[A-Za-z0-9.+-]+(?:; ?[A-Za-z0-9-]+=[A-Za-z0-9.-]+)*")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

_ids = random.Random()  # request ids must differ, not be secret  # noqa: S311


class ErrorReply(msgspec.Struct, frozen=True):
    """The body of every answer that is an error."""

    error: ErrorBody


class _Clock:
    """The value of the Date header, made once a second."""

    def __init__(self) -> None:
        self._second = 0
        self._text = ""

    def now(self) -> str:
        second = int(time.time())
        if second != self._second:
            self._second, self._text = second, formatdate(second, usegmt=True)
        return self._text


http_date = _Clock().now


def identified(given: str) -> str:
    """The id of a request: the client's own if it is valid, else a new one."""
    return given if given and _REQUEST_ID.fullmatch(given) else f"{_ids.getrandbits(48):012x}"


def transport_security(seconds: int) -> str:
    """The value of Strict-Transport-Security (RFC 6797); "" if none is to be sent."""
    return f"max-age={seconds}" if seconds else ""


@lru_cache(64)
def _beginning(content_type: str) -> bytes:
    """The first lines of an answer."""
    given = JSON_HEADERS if content_type == JSON else DEFAULT_HEADERS
    lines = (f"{name}: {value}\r\n" for name, value in given.items())
    return f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\n{''.join(lines)}".encode("ascii")


def is_plain_type(content_type: str) -> bool:
    """Whether a content type has nothing unusual, such as quotes: then it may be that of `usual_answer`."""
    return content_type == JSON or _MEDIA_TYPE.fullmatch(content_type) is not None


def usual_answer(
    body: bytes, request_id: str, security: str = "", content_type: str = JSON
) -> bytes:
    """A complete HTTP/1.1 answer with status 200; `security` is the value of Strict-Transport-Security."""
    strict = f"Strict-Transport-Security: {security}\r\n" if security else ""
    lines = (
        f"{strict}X-Request-Id: {request_id}\r\nDate: {http_date()}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return b"".join((_beginning(content_type), lines.encode("ascii"), body))


def refusal(error: ChatError, request_id: str) -> bytes:
    """A complete answer to a request that reaches no handler; the connection closes after it."""
    body = msgspec.json.encode(ErrorReply(error_body(error)))
    status = HTTPStatus(error.meaning.status)
    retry = "Retry-After: 1\r\n" if error.meaning.retry == "later" else ""
    lines = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: {JSON}\r\n{_FIELDS}"
        f"{retry}X-Request-Id: {request_id}\r\nDate: {http_date()}\r\nConnection: close\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return lines.encode("ascii") + body
