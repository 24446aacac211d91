"""Subscriptions to notices, which are in no log: those for a user, and those of plugins for a room."""

from collections import deque
from collections.abc import Sequence

from chatserver import AnyEvent, ChatError, News, PluginNotice, Room, Service, Stream
from chatserver_plugins.graphql.many import StreamGap
from chatserver_plugins.graphql.operations import Operation
from chatserver_plugins.graphql.telling import Teller


class Waiting:
    """Notices for one subscription, delivered one by one, as resolvers may await."""

    def __init__(self, teller: Teller, gap: StreamGap, bound: int) -> None:
        """If more than `bound` notices wait, they are dropped, and `gap` is sent instead."""
        self._teller, self._gap, self._bound = teller, gap, bound
        self._notices: deque[object] = deque()

    def take(self, notice: object) -> None:
        self._notices.append(notice)
        if len(self._notices) > self._bound and self._teller.is_busy:
            self._notices.clear()
            self._notices.append(self._gap)
        self._teller.tell(self._next)

    def skip(self) -> None:
        """Some were left out."""
        self.take(self._gap)

    def leave(self) -> None:
        self._teller.leave()

    def _next(self) -> object | None:
        return self._notices.popleft() if self._notices else None


class UserNotices:
    """The notices for the user of a connection."""

    def __init__(self, waiting: Waiting, operation: Operation) -> None:
        self._waiting, self._operation = waiting, operation

    def take(self, event: object) -> None:
        self._waiting.take(event)

    def skip(self) -> None:
        self._waiting.skip()

    def leave(self) -> None:
        self._operation.listener.user_sources.discard(self)
        self._waiting.leave()


class NoticeStream(Stream):
    """Follows a room for its notices, and to notice its loss; sends none of its events."""

    __slots__ = ("_told", "operation")

    def __init__(
        self, service: Service, room: Room, told: Teller | Waiting, operation: Operation
    ) -> None:
        super().__init__(
            service.connections.group(room, NoticeStream, no_events), operation.listener
        )
        self._told, self.operation = told, operation

    def wrap(self, payloads: Sequence[bytes], last: int) -> bytes:
        return b""

    def on_error(self, error: Exception) -> None:
        self.operation.fail(error)

    def lose(self, error: ChatError) -> None:
        self.operation.refuse(error)

    def leave(self) -> None:
        self._told.leave()
        self.subscriber.unfollow(self)


class RoomNotices(NoticeStream):
    """The notices of plugins for a room."""

    __slots__ = ("_waiting",)

    def __init__(
        self, service: Service, room: Room, waiting: Waiting, operation: Operation
    ) -> None:
        super().__init__(service, room, waiting, operation)
        self._waiting = waiting

    def hear(self, news: News) -> None:
        if isinstance(news.payload, PluginNotice):
            self._waiting.take(news.payload)


def no_events(events: Sequence[AnyEvent]) -> list[bytes]:
    return [b""] * len(events)
