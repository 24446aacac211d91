"""One subscription to the typing notices of a room, which are not in the log."""

from chatserver import News, Room, Service, TypingNow
from chatserver_plugins.graphql.notices import NoticeStream
from chatserver_plugins.graphql.operations import Operation
from chatserver_plugins.graphql.telling import Teller


class TypingStream(NoticeStream):
    """Who is typing, of each user once."""

    __slots__ = ("_due", "_teller")

    def __init__(self, service: Service, room: Room, teller: Teller, operation: Operation) -> None:
        super().__init__(service, room, teller, operation)
        self._teller = teller
        self._due: dict[str, TypingNow] = {}  # at most one notice of each user

    def hear(self, news: News) -> None:
        now, user = news.payload, self.operation.listener.user
        if isinstance(now, TypingNow) and (user is None or now.user.id != user.id):
            self._due[now.user.id] = now
            self._teller.tell(self._next)

    def _next(self) -> TypingNow | None:
        return self._due.pop(next(iter(self._due))) if self._due else None
