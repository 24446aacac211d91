"""The fields of `Subscription`: opens the source of a valid operation."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import msgspec
from graphql import GraphQLError
from graphql.execution import get_argument_values

from chatserver import Feed, Room, Service
from chatserver_plugins.graphql.asking import Asking
from chatserver_plugins.graphql.errors import Refused
from chatserver_plugins.graphql.events import EventExecutor, begun, build_executor, execute_event
from chatserver_plugins.graphql.execution import Execution, Ready
from chatserver_plugins.graphql.groups import Groups, RoomStream
from chatserver_plugins.graphql.inputs import position
from chatserver_plugins.graphql.many import ManyRooms, ManyStream, RoomPosition, StreamGap
from chatserver_plugins.graphql.notices import NoticeStream, RoomNotices, UserNotices, Waiting
from chatserver_plugins.graphql.operations import Operation
from chatserver_plugins.graphql.selections import Selection, Selections
from chatserver_plugins.graphql.sources import Sources
from chatserver_plugins.graphql.telling import Teller
from chatserver_plugins.graphql.typing_now import TypingStream
from chatserver_plugins.graphql.watching import PresenceWatch


class Subscriptions:
    """Opens subscriptions."""

    def __init__(
        self,
        execution: Execution,
        service: Service,
        resolved: Collection[str],
        sources: Sources,
    ) -> None:
        """`resolved` are the fields (`Type.field`) with resolvers, `sources` those of the parts."""
        self._execution, self._service, self._sources = execution, service, sources
        self._selections = Selections(execution.schema, resolved)
        self.groups = Groups(execution, service)

    async def open(
        self, operation: Operation, ready: Ready, asking: Asking, after: int | None
    ) -> None:
        """Feed an operation. `after` overrides the operation's own argument. Raises `ChatError`."""
        asking.user  # noqa: B018 - raises if nobody is signed in
        selection = self._selections.of(ready.document, ready.operation)
        executor = build_executor(self._execution, ready)
        if isinstance(executor, list):
            raise Refused("graphql.variables", errors=executor)
        arguments = self._arguments(selection, executor)
        match selection.field.name.value:
            case "roomEvents":
                if after is not None:
                    arguments["after"] = after
                await self._room_events(operation, selection, executor, **arguments)
            case "roomsEvents":
                await self._rooms_events(operation, selection, executor, **arguments)
            case "typing":
                await self._typing(operation, executor, **arguments)
            case "roomNotices":
                await self._room_notices(operation, executor, **arguments)
            case "userEvents":
                self._user_events(operation, executor)
            case "presence":
                await self._presence(operation, executor, **arguments)
            case name:
                teller = Teller(self._execution, self._service, executor, operation)
                await self._sources.open(name, asking, arguments, teller, operation)

    def _arguments(self, selection: Selection, executor: EventExecutor) -> dict[str, Any]:
        root = self._execution.schema.subscription_type
        assert root is not None
        field = root.fields[selection.field.name.value]
        try:
            return get_argument_values(field, selection.field, executor.variable_values)
        except GraphQLError as error:
            raise Refused("graphql.variables", errors=[error]) from error

    def _user_events(self, operation: Operation, executor: EventExecutor) -> None:
        source = UserNotices(self._waiting(operation, executor), operation)
        operation.source = source
        operation.listener.user_sources.add(source)

    async def _presence(
        self, operation: Operation, executor: EventExecutor, *, room_id: str, user_ids: list[str]
    ) -> None:
        watches: list[PresenceWatch] = []

        def feed(room: Room) -> Feed:
            teller = Teller(self._execution, self._service, executor, operation)
            watch = PresenceWatch(self._service, room, user_ids, teller, operation)
            operation.source = watch
            watches.append(watch)
            return watch

        following = self._service.following
        await following.follow_feed(operation.listener, room_id, None, None, feed)
        for watch in watches:
            watch.begin()

    async def _room_events(
        self,
        operation: Operation,
        selection: Selection,
        executor: EventExecutor,
        *,
        room_id: str,
        after: int | None = None,
        epoch: str | None = None,
    ) -> None:
        def feed(room: Room) -> Feed:
            stream = self.groups.stream(room, selection, executor, operation, RoomStream)
            operation.source = stream
            return stream

        followed = await self._service.following.follow_feed(
            operation.listener, room_id, position("after", after), epoch, feed
        )
        if followed.state == "gap":
            gap = StreamGap(followed.head, self._service.epoch, room_id)
            asking = Asking(self._service, user=operation.listener.user)
            made = execute_event(executor, gap, asking)
            outcome = await asyncio.shield(begun(made, self._execution.config.seconds))
            operation.next(msgspec.json.encode(self._execution.result(outcome)))
            operation.complete()

    async def _rooms_events(
        self,
        operation: Operation,
        selection: Selection,
        executor: EventExecutor,
        *,
        rooms: Sequence[Mapping[str, Any]],
        epoch: str | None = None,
    ) -> None:
        positions = [
            RoomPosition(given["id"], position("after", given.get("after"))) for given in rooms
        ]

        def stream(room: Room) -> ManyStream:
            return self.groups.stream(room, selection, executor, operation, ManyStream)

        teller = Teller(self._execution, self._service, executor, operation)
        many = ManyRooms(self._service, operation, stream, teller)
        operation.source = many
        await many.follow(positions, epoch)

    async def _typing(self, operation: Operation, executor: EventExecutor, *, room_id: str) -> None:
        def stream(room: Room) -> NoticeStream:
            teller = Teller(self._execution, self._service, executor, operation)
            return TypingStream(self._service, room, teller, operation)

        await self._follow(operation, room_id, stream)

    async def _room_notices(
        self, operation: Operation, executor: EventExecutor, *, room_id: str
    ) -> None:
        def stream(room: Room) -> NoticeStream:
            waiting = self._waiting(operation, executor, room.id)
            return RoomNotices(self._service, room, waiting, operation)

        await self._follow(operation, room_id, stream)

    async def _follow(
        self, operation: Operation, room_id: str, stream: Callable[[Room], NoticeStream]
    ) -> None:
        def feed(room: Room) -> Feed:
            operation.source = made = stream(room)
            return made

        following = self._service.following
        await following.follow_feed(operation.listener, room_id, None, None, feed)

    def _waiting(self, operation: Operation, executor: EventExecutor, room: str = "") -> Waiting:
        teller = Teller(self._execution, self._service, executor, operation)
        gap = StreamGap(None, self._service.epoch, room)
        return Waiting(teller, gap, self._execution.config.queue)
