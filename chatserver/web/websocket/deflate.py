"""permessage-deflate (RFC 7692) without context takeover.

Without context, one compressed payload serves every receiver with the same window, and an idle
connection holds no compressor: with context it is 145 KB each.
"""

import zlib
from dataclasses import dataclass

from chatserver.delivery.encoding import DEFLATE_TAIL, MAX_WINDOW_BITS, compress
from chatserver.web.websocket.frames import INVALID_DATA, TOO_BIG, FrameError

__all__ = ["Agreement", "compress", "inflate", "negotiate"]

# zlib cannot produce a raw stream with a window of 256 bytes (8 bits).
MIN_WINDOW_BITS = 9

_KNOWN = frozenset(
    (
        "server_no_context_takeover",
        "client_no_context_takeover",
        "server_max_window_bits",
        "client_max_window_bits",
    )
)


@dataclass(frozen=True, slots=True)
class Agreement:
    """The outcome of negotiation: the value of the response header, and the window we compress with."""

    header: str
    window_bits: int


def negotiate(header: str) -> Agreement | None:
    """The agreement on the first acceptable offer in a Sec-WebSocket-Extensions header; None without one."""
    for offer in header.split(","):
        agreement = _accept(offer)
        if agreement is not None:
            return agreement
    return None


def _accept(offer: str) -> Agreement | None:
    name, *parameters = (part.strip() for part in offer.split(";"))
    if name != "permessage-deflate":
        return None
    given: dict[str, str] = {}
    for parameter in parameters:
        key, _, value = (part.strip() for part in parameter.partition("="))
        if key not in _KNOWN or key in given:
            return None
        given[key] = value.strip('"')
    if given.get("server_no_context_takeover") or given.get("client_no_context_takeover"):
        return None
    if given.get("client_max_window_bits") and _bits(given["client_max_window_bits"]) is None:
        return None
    answer = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
    if "server_max_window_bits" not in given:
        return Agreement(answer, MAX_WINDOW_BITS)
    bits = _bits(given["server_max_window_bits"])
    if bits is None or bits < MIN_WINDOW_BITS:
        return None
    return Agreement(f"{answer}; server_max_window_bits={bits}", bits)


def _bits(value: str) -> int | None:
    known = {str(bits): bits for bits in range(8, MAX_WINDOW_BITS + 1)}
    return known.get(value)


def inflate(payload: bytes, limit: int) -> bytes:
    """Decompress a message; makes at most one byte more than the limit."""
    decompressor = zlib.decompressobj(wbits=-MAX_WINDOW_BITS)
    try:
        result = decompressor.decompress(payload + DEFLATE_TAIL, limit + 1)
    except zlib.error:
        raise FrameError(INVALID_DATA, "compressed data is broken") from None
    if len(result) > limit:
        raise FrameError(TOO_BIG, "message too big")
    return result
