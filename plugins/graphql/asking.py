"""One request, for resolvers (`info.context`): its user, the service, and its loaders."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

from msgspec import UNSET

from chatserver import (
    AnyEvent,
    Bucket,
    ChatError,
    EventPage,
    LoginClient,
    MemberList,
    MembersAsked,
    Message,
    MessagePosted,
    Page,
    Room,
    RoomPreferences,
    RoomView,
    Service,
    ThreadView,
    User,
    address_network,
    may_read,
)
from chatserver_plugins.graphql.loaders import Activity, Loader

LANGUAGE_CHARS = 100  # of Accept-Language
PlaceT = TypeVar("PlaceT")
PartT = TypeVar("PartT")


class PageKey(NamedTuple):
    """A page of a room's messages: the newest `last` before a seq."""

    room: str
    before: int | None
    last: int


class EventsKey(NamedTuple):
    """A part of a room's log: the first events after a seq."""

    room: str
    after: int
    first: int


class MessageKey(NamedTuple):
    room: str
    message: str


class MembersKey(NamedTuple):
    """A page of a room's members, as `MembersAsked`."""

    room: str
    after: str
    before: str | None
    limit: int
    is_last: bool
    text: str = ""


class Asking:
    """The state of one request. A socket makes one for each operation."""

    def __init__(
        self,
        service: Service,
        *,
        user: User | None = None,
        problem: ChatError | None = None,
        token: str | None = None,
        address: str = "",
        agent: str = "",
        is_secure: bool = False,
        language: str = "",
    ) -> None:
        """`problem` is the reason why there is no `user`; None if the request has no credentials. `language` has the
        client's languages, as in `Accept-Language`.
        """
        self.service, self.token, self.address = service, token, address
        self._agent, self._is_secure = agent, is_secure
        self.language = language[:LANGUAGE_CHARS]
        self._user, self._problem = user, problem
        self.session: str | None = None  # for `Reply.session`, if a mutation signs in or out
        self.activity = Activity()
        self.refresh()

    @property
    def user(self) -> User:
        """The signed-in user. Raises `ChatError` auth.required, auth.invalid."""
        if self._user is None:
            raise self._problem or ChatError("auth.required")
        return self._user

    def client(self) -> LoginClient:
        """The client, which signs in."""
        return LoginClient(
            address=self.address,
            agent=self._agent,
            is_secure=self._is_secure,
            language=self.language,
        )

    @property
    def is_signed_in(self) -> bool:
        return self._user is not None

    @property
    def is_scoped(self) -> bool:
        """Whether a bot asks, which may do what its token is for."""
        return self._user is not None and self._user.scopes is not UNSET

    @property
    def source(self) -> str:
        """The key that limits count by: a user id, or an address."""
        return self._user.id if self._user is not None else address_network(self.address)

    def take(self, operations: int) -> None:
        """Count operations in the rate of the user or address. Raises `ChatError` limit.rate."""
        if operations:
            user = None if self._user is None else self._user.id
            self.service.rates.take(user, self.address, operations)

    def owe(self, operations: int) -> None:
        """Count operations that were done already."""
        if operations:
            self._bucket.owe(operations)

    @property
    def operations_left(self) -> float:
        return self._bucket.left

    @property
    def _bucket(self) -> Bucket:
        user = None if self._user is None else self._user.id
        return self.service.rates.of(user, self.address)

    @property
    def is_anonymous(self) -> bool:
        """Whether the request came without credentials."""
        return self._user is None and self._problem is None

    def refresh(self) -> None:
        """Drop all loaded values, after a change."""
        for name in LOADERS:
            self.__dict__.pop(name, None)
        self._posted: dict[str, MessagePosted] = {}
        self._known: dict[str, Message] = {}  # messages loaded in advance for events, by id

    # Few requests need more than one or two of these.

    @cached_property
    def users(self) -> Loader[str, User]:
        return Loader(self._users, self.activity)

    @cached_property
    def rooms(self) -> Loader[str, Room]:
        return Loader(self._rooms, self.activity)

    @cached_property
    def views(self) -> Loader[str, RoomView]:
        return Loader(self._views, self.activity)

    @cached_property
    def preferences(self) -> Loader[str, RoomPreferences]:
        return Loader(self._preferences, self.activity)

    @cached_property
    def pages(self) -> Loader[PageKey, Page]:
        return Loader(self._pages, self.activity)

    @cached_property
    def events(self) -> Loader[EventsKey, EventPage]:
        return Loader(self._events, self.activity)

    @cached_property
    def members(self) -> Loader[MembersKey, MemberList]:
        return Loader(self._members, self.activity)

    @cached_property
    def messages(self) -> Loader[MessageKey, Message]:
        return Loader(self._messages, self.activity)

    @cached_property
    def threads(self) -> Loader[MessageKey, ThreadView | None]:
        return Loader(self._threads, self.activity)

    @cached_property
    def standing(self) -> Loader[MessageKey, Message]:
        return Loader(self._standing, self.activity)

    @cached_property
    def _of_posted(self) -> Loader[str, Message]:
        return Loader(self._as_they_stand, self.activity)

    def message_of(self, event: MessagePosted) -> Message | Awaitable[Message]:
        """The present message of an event, for a client that got the event.

        Clients cache messages by id, so no id may ever show an older text. The message of a new event is
        found without waiting.
        """
        message = self._known.get(event.id) or self._at_hand(event)
        if message is not None:
            return message
        self._posted[event.id] = event
        return self._of_posted.load(event.id)

    def without_message(self, events: Sequence[AnyEvent]) -> list[MessagePosted]:
        """The events whose messages `message_of` would have to wait for."""
        return [
            event
            for event in events
            if isinstance(event, MessagePosted) and self._at_hand(event) is None
        ]

    async def load_messages(self, events: Sequence[MessagePosted]) -> None:
        """Load messages in advance for `message_of`, which costs less than a task for each event."""
        self._known |= await self.service.history.as_they_stand(events)

    def _at_hand(self, event: MessagePosted) -> Message | None:
        room = self.service.room_cache.known(event.room)
        return None if room is None else room.standing(event)

    async def _users(self, ids: Sequence[str]) -> Mapping[str, User | ChatError]:
        found = await self.service.accounts.get_many(ids)
        return {user: found.get(user) or ChatError("user.not_found") for user in ids}

    async def _rooms(self, ids: Sequence[str]) -> Mapping[str, Room | ChatError]:
        found = await self.service.rooms.get_many(ids)
        return {room: found.get(room) or ChatError("room.not_found") for room in ids}

    async def _views(self, ids: Sequence[str]) -> Mapping[str, RoomView | ChatError]:
        rooms = await self._rooms(ids)
        known = [room for room in rooms.values() if isinstance(room, Room)]
        views = await self.service.rooms.views(self.user, known)
        return {room: views.get(room) or ChatError("room.not_found") for room in ids}

    async def _preferences(self, ids: Sequence[str]) -> Mapping[str, RoomPreferences]:
        return await self.service.preferences.of_rooms(self.user, ids)

    async def _pages(self, keys: Sequence[PageKey]) -> Mapping[PageKey, Page | ChatError]:
        return await self._by_size(keys, self.service.history.pages)

    async def _events(self, keys: Sequence[EventsKey]) -> Mapping[EventsKey, EventPage | ChatError]:
        return await self._by_size(keys, self.service.history.event_pages)

    async def _members(
        self, keys: Sequence[MembersKey]
    ) -> Mapping[MembersKey, MemberList | ChatError]:
        rooms = await self._rooms(list(dict.fromkeys(key.room for key in keys)))
        found: dict[MembersKey, MemberList | ChatError] = {}
        wanted: dict[MembersKey, MembersAsked] = {}
        for key in keys:
            room = rooms[key.room]
            if isinstance(room, ChatError):
                found[key] = room
            elif not may_read(self.user, room):
                found[key] = ChatError("room.not_found")
            else:
                wanted[key] = MembersAsked(room, *key[1:])
        pages = await self.service.rooms.member_pages(self.user, list(wanted.values()))
        return found | dict(zip(wanted, pages, strict=True))

    async def _by_size(
        self,
        keys: Sequence[tuple[str, PlaceT, int]],
        read: Callable[
            [User, Sequence[tuple[Room, PlaceT]], int], Awaitable[list[PartT | ChatError]]
        ],
    ) -> dict[Any, PartT | ChatError]:
        """Read for all keys (room, place, size), with one call for each size."""
        rooms = await self._rooms(list(dict.fromkeys(room for room, _, _ in keys)))
        found: dict[Any, PartT | ChatError] = {}
        by_size: dict[int, list[tuple[Any, tuple[Room, PlaceT]]]] = {}
        for key in keys:
            name, place, size = key
            room = rooms[name]
            if isinstance(room, ChatError):
                found[key] = room
            else:
                by_size.setdefault(size, []).append((key, (room, place)))
        for size, wanted in by_size.items():
            parts = await read(self.user, [place for _, place in wanted], size)
            found |= {key: part for (key, _), part in zip(wanted, parts, strict=True)}
        return found

    async def _messages(
        self, keys: Sequence[MessageKey]
    ) -> Mapping[MessageKey, Message | ChatError]:
        found = await self.service.history.find(self.user, await self._places(keys))
        return {key: found.get(key) or ChatError("message.not_found") for key in keys}

    async def _threads(self, keys: Sequence[MessageKey]) -> Mapping[MessageKey, ThreadView | None]:
        """The threads of messages that the user already got."""
        wanted: dict[str, list[str]] = {}
        for room, message in keys:
            wanted.setdefault(room, []).append(message)
        found = await self.service.messages.threads.of_messages(wanted)
        return {key: found.get(key) for key in keys}

    async def _standing(
        self, keys: Sequence[MessageKey]
    ) -> Mapping[MessageKey, Message | ChatError]:
        """Present messages, without a check of rights: all readers got the same events."""
        found = await self.service.history.standing(await self._places(keys))
        return {key: found.get(key) or ChatError("message.not_found") for key in keys}

    async def _as_they_stand(self, ids: Sequence[str]) -> Mapping[str, Message | ChatError]:
        events = [self._posted.pop(message) for message in ids]
        found: dict[str, Message | ChatError] = {}
        found |= await self.service.history.as_they_stand(events)
        return found

    async def _places(self, keys: Sequence[MessageKey]) -> list[tuple[Room, str]]:
        rooms = await self._rooms(list(dict.fromkeys(key.room for key in keys)))
        wanted = [(rooms[key.room], key.message) for key in keys]
        return [(room, message) for room, message in wanted if isinstance(room, Room)]


LOADERS = [name for name, each in vars(Asking).items() if isinstance(each, cached_property)]
