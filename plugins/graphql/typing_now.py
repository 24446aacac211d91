"""One subscription to the typing notices of a room, which are not in the log."""

from collections.abc import Sequence

from chatserver import AnyEvent, ChatError, News, Room, Service, Stream, TypingNow
from chatserver_plugins.graphql.operations import Operation
from chatserver_plugins.graphql.telling import Teller


class TypingStream(Stream):
    """Follows the room to notice its loss; sends none of its events."""

    __slots__ = ("_due", "_teller", "operation")

    def __init__(self, service: Service, room: Room, teller: Teller, operation: Operation) -> None:
        group = service.connections.group(room, TypingStream, _nothing)
        super().__init__(group, operation.listener)
        self._teller, self.operation = teller, operation
        self._due: dict[str, TypingNow] = {}  # at most one notice of each user

    def hear(self, news: News) -> None:
        now, user = news.payload, self.operation.listener.user
        if isinstance(now, TypingNow) and (user is None or now.user.id != user.id):
            self._due[now.user.id] = now
            self._teller.tell(self._next)

    def wrap(self, payloads: Sequence[bytes], last: int) -> bytes:
        return b""

    def on_error(self, error: Exception) -> None:
        self.operation.fail(error)

    def lose(self, error: ChatError) -> None:
        self.operation.refuse(error)

    def leave(self) -> None:
        self._teller.leave()
        self.subscriber.unfollow(self)

    def _next(self) -> TypingNow | None:
        return self._due.pop(next(iter(self._due))) if self._due else None


def _nothing(events: Sequence[AnyEvent]) -> list[bytes]:
    return [b""] * len(events)
