"""The forms of results on a socket and as server-sent events."""

from collections.abc import Sequence

import msgspec

from chatserver_plugins.graphql import wire
from chatserver_plugins.graphql.operations import Framing, Pieces


class SocketFraming(Framing):
    """Frames of graphql-transport-ws with one operation's id."""

    __slots__ = ("_id", "_length", "name")

    def __init__(self, name: str) -> None:
        self.name, self._id = name, wire.encoded_id(name)
        self._length = len(self._id)

    def next(self, payload: bytes) -> bytes:
        return wire.next_frame(self._id, payload)

    def batch(self, encoder: Pieces, payloads: Sequence[bytes], last: int) -> bytes:
        return self._id.join(encoder.pieces(payloads, self._length))

    def error(self, errors: Sequence[object]) -> bytes:
        return wire.error_frame(self._id, errors)

    def complete(self) -> bytes:
        return wire.complete_frame(self._id)


class EventFraming(Framing):
    """Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html).

    Events of a room have their seq as id, which a reconnecting client sends back to resume.
    """

    __slots__ = ()

    def next(self, payload: bytes) -> bytes:
        return b"event: next\ndata: %b\n\n" % payload

    def batch(self, encoder: Pieces, payloads: Sequence[bytes], last: int) -> bytes:
        first = last - len(payloads) + 1
        return b"".join(
            b"event: next\nid: %d\ndata: %b\n\n" % (seq, payload)
            for seq, payload in enumerate(payloads, first)
        )

    def batch_of_many(self, encoder: Pieces, payloads: Sequence[bytes], last: int) -> bytes:
        return b"".join(map(self.next, payloads))

    def error(self, errors: Sequence[object]) -> bytes:
        return self.next(msgspec.json.encode({"errors": errors})) + self.complete()

    def complete(self) -> bytes:
        # Without data, browsers dispatch no event.
        return b"event: complete\ndata:\n\n"
