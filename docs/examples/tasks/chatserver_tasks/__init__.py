"""Tasks: a message that has to be done is marked so, and anybody in the room ticks it off."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

import chatserver

CHANGED = "tasks.changed"


class Who(msgspec.Struct, frozen=True, kw_only=True):
    """A user as the page shows them."""

    id: str
    name: str


class Task(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The data of the message: who made a task of it, and who has done it; None while it is open."""

    by: Who
    done_by: Who | None = None


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """An event in the log of the room: a task was opened, or is done. `by` is the id of who made it."""

    message: str
    by: str
    open: bool


class OpenTask(msgspec.Struct, frozen=True, kw_only=True):
    """A task in the list of a room. `seq` is that of its message."""

    message: str
    seq: int
    text: str
    by: str


class OfMessage(msgspec.Struct, frozen=True, kw_only=True):
    """Arguments of `tasks.open` and `tasks.done`."""

    room: str
    message: str


class OfRoom(msgspec.Struct, frozen=True, kw_only=True):
    """Arguments of `tasks.list`."""

    room: str


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """Arguments of `tasks.tell`: whether the user wants to hear of their tasks; None only asks."""

    wanted: bool | None = None


class Plugin:
    """A record for each open task is the truth; the data of its message, which its card shows, follows it."""

    powers = chatserver.Powers(
        service=(
            "accounts.get",
            "history.find",
            "messages.change",
            "messages.note",
            "rooms.describe",
            "rooms.get",
        )
    )
    event_kinds = frozenset({"message.deleted"})

    class Config(chatserver.Settings, frozen=True, kw_only=True):
        most: Annotated[
            int, Meta(description="Number of open tasks that a room may have.", ge=1, le=1000)
        ] = 100

    def __init__(self, config: Config) -> None:
        self._most = config.most

    @chatserver.hookimpl
    async def startup(self, context: chatserver.Context) -> None:
        self._context = context

    @chatserver.hookimpl
    def register_page(self) -> chatserver.PagePart:
        folder = Path(__file__).parent / "page"
        return chatserver.PagePart(folder=folder, modules=("tasks.js",), styles=("tasks.css",))

    @chatserver.hookimpl
    def register_message_data(self) -> list[chatserver.MessageData]:
        return [chatserver.MessageData(name="tasks", schema=Task)]

    @chatserver.hookimpl
    def register_event_kinds(self) -> list[chatserver.EventKind]:
        return [chatserver.EventKind(name=CHANGED, schema=Changed)]

    @chatserver.hookimpl
    def register_operations(self) -> list[chatserver.Operation]:
        return [
            chatserver.Operation(name="tasks.open", arguments=OfMessage, run=self._open),
            chatserver.Operation(name="tasks.done", arguments=OfMessage, run=self._done),
            chatserver.Operation(name="tasks.list", arguments=OfRoom, run=self._list),
            chatserver.Operation(name="tasks.tell", arguments=Wish, run=self._tell),
        ]

    @chatserver.hookimpl
    async def on_event(self, event: chatserver.AnyEvent) -> None:
        """A deleted message is no task any more."""
        if not isinstance(event, chatserver.MessageDeleted):
            return
        key = _key(event.room, event.message)
        kept = await self._context.records.get(key)
        if kept is None or not await self._context.records.delete(key, kept):
            return
        user = await self._context.service.accounts.get(event.author.id)
        room = await self._context.service.rooms.get(event.room)
        with suppress(chatserver.ChatError):  # staff may delete where they may not post
            await self._note(user, room, event.message, _who(kept), is_open=False)

    async def _open(self, user: chatserver.User, wanted: OfMessage) -> object:
        room, message = await self._find(user, wanted)
        records, key = self._context.records, _key(room.id, message.id)
        task = _task(message.data) or Task(by=Who(id=user.id, name=user.name))
        if await records.get(key) is None:
            prefix = _key(room.id, "")
            if len(await records.scan(prefix, limit=self._most)) >= self._most:
                raise chatserver.ChatError("limit.count", "This room has too many open tasks.")
            if await records.add(key, msgspec.json.encode(task.by)):
                try:
                    await self._note(user, room, message.id, task.by, is_open=True)
                except chatserver.ChatError:  # the user may not post here
                    await records.delete(key)
                    raise
        await self._show(room, message.id, task)
        return {}

    async def _done(self, user: chatserver.User, wanted: OfMessage) -> object:
        room, message = await self._find(user, wanted)
        records, key = self._context.records, _key(room.id, message.id)
        task = _task(message.data)
        kept = await records.get(key)
        if task is None:
            raise chatserver.ChatError("message.not_found", "This is no task.")
        if kept is not None and await records.delete(key, kept):
            try:
                await self._note(user, room, message.id, _who(kept), is_open=False)
            except chatserver.ChatError:
                await records.add(key, kept)
                raise
            done_by = Who(id=user.id, name=user.name)
            await self._show(room, message.id, msgspec.structs.replace(task, done_by=done_by))
        return {}

    async def _list(self, user: chatserver.User, wanted: OfRoom) -> object:
        room = await self._readable(user, wanted.room)
        prefix = _key(room.id, "")
        kept = dict(await self._context.records.scan(prefix, limit=self._most))
        ids = [key.removeprefix(prefix) for key in kept]
        found = await self._context.service.history.find(user, [(room, each) for each in ids])
        messages = sorted(found.values(), key=lambda message: message.seq)
        tasks = [
            OpenTask(
                message=each.id,
                seq=each.seq,
                text=each.body,
                by=_who(kept[_key(room.id, each.id)]).name,
            )
            for each in messages
            if not each.deleted
        ]
        return {"tasks": tasks}

    async def _tell(self, user: chatserver.User, wish: Wish) -> object:
        key = f"tell/{user.id}"
        if wish.wanted is True:
            await self._context.records.put(key, b"1")
        elif wish.wanted is False:
            await self._context.records.delete(key)
        return {"wanted": await self._context.records.get(key) is not None}

    async def _find(
        self, user: chatserver.User, wanted: OfMessage
    ) -> tuple[chatserver.Room, chatserver.Message]:
        """The message, for a member of its room."""
        room = await self._readable(user, wanted.room)
        if room.role(user.id) is None:  # anybody reads public rooms
            raise chatserver.ChatError("room.forbidden")
        found = await self._context.service.history.find(user, [(room, wanted.message)])
        message = found.get((room.id, wanted.message))
        if message is None or message.deleted:
            raise chatserver.ChatError("message.not_found")
        return room, message

    async def _readable(self, user: chatserver.User, wanted: str) -> chatserver.Room:
        room = await self._context.service.rooms.get(wanted, user)
        self._context.service.rooms.describe(user, room)  # refuses who may not read it
        return room

    async def _note(
        self, user: chatserver.User, room: chatserver.Room, message: str, by: Who, *, is_open: bool
    ) -> None:
        changed = Changed(message=message, by=by.id, open=is_open)
        await self._context.messages.note(user, room, CHANGED, changed)

    async def _show(self, room: chatserver.Room, message: str, task: Task) -> None:
        """Let the card say what the record says, and once more if that changed meanwhile."""
        key = _key(room.id, message)
        while True:
            kept = await self._context.records.get(key)
            shown = msgspec.structs.replace(task, done_by=None) if kept is not None else task

            def change(data: Mapping[str, Any], shown: Task = shown) -> Mapping[str, Any] | None:
                return None if _task(data) == shown else {"tasks": shown}

            await self._context.messages.change(room, message, change)
            if await self._context.records.get(key) == kept:
                return


def _key(room: str, message: str) -> str:
    return f"open/{room}/{message}"


def _who(kept: bytes) -> Who:
    return msgspec.json.decode(kept, type=Who)


def _task(data: Mapping[str, Any]) -> Task | None:
    return msgspec.convert(data["tasks"], Task) if "tasks" in data else None
