"""The headers that every answer has, and the head of the commonest answers, ready-made.

Tornado makes, checks and joins the headers of each answer anew: a quarter of a small request.
"""

import time
from email.utils import formatdate

# The page loads nothing from elsewhere and runs nothing inline.
SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self' ws: wss:; manifest-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}
# Unless a handler says otherwise.
DEFAULT_HEADERS = SECURITY_HEADERS | {"Server": "chatserver", "Cache-Control": "no-store"}

_JSON = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" + "".join(
    f"{name}: {value}\r\n" for name, value in DEFAULT_HEADERS.items()
).encode("ascii")


class _Clock:
    """The Date header's value, made once a second."""

    def __init__(self) -> None:
        self._second = 0
        self._text = ""

    def now(self) -> str:
        second = int(time.time())
        if second != self._second:
            self._second, self._text = second, formatdate(second, usegmt=True)
        return self._text


http_date = _Clock().now


def json_answer(body: bytes) -> bytes:
    """A complete HTTP/1.1 answer with status 200."""
    lines = f"Date: {http_date()}\r\nContent-Length: {len(body)}\r\n\r\n"
    return b"".join((_JSON, lines.encode("ascii"), body))
