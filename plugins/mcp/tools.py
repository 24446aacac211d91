"""The tools: each does for a user what an address of the HTTP API does, by the same call of the service."""

import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta

from chatserver import Scope, Service, User

MOST = 100  # messages, rooms or members in one answer: more are a cost to whoever reads them
USUAL = 30

Id = Annotated[str, Meta(min_length=1, max_length=100)]
RoomId = Annotated[Id, Meta(description="Id of the room, as list_rooms has it.")]
MessageId = Annotated[Id, Meta(description="Id of the message.")]
Seq = Annotated[int, Meta(ge=0, le=2**53)]
Limit = Annotated[int, Meta(ge=1, le=MOST, description="Most items of the answer.")]
After = Annotated[str, Meta(max_length=200, description="The `after` of the page before.")]


class Arguments(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The base of a tool's arguments; unknown ones are refused."""


class ListRooms(Arguments, frozen=True):
    after: After = ""
    limit: Limit = USUAL


class ReadRoom(Arguments, frozen=True):
    room: RoomId
    before: Annotated[
        Seq | None, Meta(description="Only messages with a seq below this; the newest of them.")
    ] = None
    after: Annotated[
        Seq | None, Meta(description="Only messages with a seq above this; the oldest of them.")
    ] = None
    limit: Limit = USUAL


class ReadThread(Arguments, frozen=True):
    room: RoomId
    message: Annotated[Id, Meta(description="Id of a message of the thread.")]
    before: Annotated[Seq | None, Meta(description="Only replies with a seq below this.")] = None
    limit: Annotated[int, Meta(ge=1, le=50, description="Most replies of the answer.")] = USUAL


class SearchMessages(Arguments, frozen=True):
    text: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=500,
            description='Words, all of which a message has; "a phrase", from:USERNAME, in:ROOM, after:2026-01-31, '
            "before:2026-03-01.",
        ),
    ]
    room: Annotated[Id | None, Meta(description="Only this room (id).")] = None
    before: Annotated[
        Annotated[str, Meta(max_length=200)] | None,
        Meta(description="The `cursor` of the page before."),
    ] = None
    limit: Limit = USUAL


class FindMembers(Arguments, frozen=True):
    room: RoomId
    text: Annotated[
        str, Meta(max_length=100, description="Only members who have this in their names.")
    ] = ""
    after: After = ""
    limit: Limit = USUAL


class SendMessage(Arguments, frozen=True):
    room: RoomId
    text: Annotated[
        str,
        Meta(
            min_length=1,
            description="The text, in Markdown; @username mentions somebody who reads the room.",
        ),
    ]
    thread: Annotated[
        Id | None, Meta(description="Id of the first message of a thread, to reply there.")
    ] = None
    client_id: Annotated[
        Annotated[str, Meta(min_length=1, max_length=128)] | None,
        Meta(description="A name of your own for this message: with the same one it is sent once."),
    ] = None


class React(Arguments, frozen=True):
    room: RoomId
    message: MessageId
    emoji: Annotated[str, Meta(min_length=1, max_length=32, description="One emoji, such as 👍.")]
    remove: Annotated[bool, Meta(description="Take your own reaction back instead.")] = False


class MarkRead(Arguments, frozen=True):
    room: RoomId
    seq: Annotated[Seq, Meta(description="Seq of the last message that was read.")]


class Sent(msgspec.Struct, frozen=True):
    """A message that is stored; `repeated`: it was sent before with this client_id."""

    id: str
    room: str
    seq: int
    at: str
    repeated: bool


class Reached(msgspec.Struct, frozen=True):
    """A seq of the room: of the change, or up to which it is read."""

    seq: int


class Tool(NamedTuple):
    """A tool. `reads`: it changes nothing; `repeats`: a second call changes nothing more."""

    name: str
    title: str
    description: str
    scope: Scope
    arguments: type[Arguments]
    run: Callable[[User, Any], Awaitable[object]]
    reads: bool = True
    repeats: bool = True

    def shown(self) -> dict[str, object]:
        """The tool as clients see it."""
        _, parts = msgspec.json.schema_components((self.arguments,))
        schema = parts[self.arguments.__name__]
        return {
            "name": self.name,
            "title": self.title,
            "description": self.description,
            "inputSchema": {key: schema[key] for key in schema if key != "title"},
            "annotations": {
                "title": self.title,
                "readOnlyHint": self.reads,
                "destructiveHint": False,
                "idempotentHint": self.repeats,
                "openWorldHint": True,  # what people write, and people who read it
            },
        }


class Tools:
    """The tools of a server."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def all(self) -> Sequence[Tool]:
        """All tools, always in the same order."""
        return (
            Tool(
                name="list_rooms",
                title="List rooms",
                description="Rooms that you are in, with unread counts, then public ones that you may read.",
                scope=Scope.READ,
                arguments=ListRooms,
                run=self._list_rooms,
            ),
            Tool(
                name="read_room",
                title="Read a room",
                description="Messages of a room by ascending seq: the newest, or those before or after a seq.",
                scope=Scope.READ,
                arguments=ReadRoom,
                run=self._read_room,
            ),
            Tool(
                name="read_thread",
                title="Read a thread",
                description="A thread: its first message and the newest replies, by ascending seq.",
                scope=Scope.READ,
                arguments=ReadThread,
                run=self._read_thread,
            ),
            Tool(
                name="search_messages",
                title="Search messages",
                description="Messages that have all the words, newest first, in one room or in all that you are in.",
                scope=Scope.READ,
                arguments=SearchMessages,
                run=self._search,
            ),
            Tool(
                name="find_members",
                title="Find members of a room",
                description="Members of a room, with the user names by which messages mention them.",
                scope=Scope.READ,
                arguments=FindMembers,
                run=self._find_members,
            ),
            Tool(
                name="mark_read",
                title="Mark a room as read",
                description="Note up to where you have read a room, from which list_rooms counts what is unread.",
                scope=Scope.READ,
                arguments=MarkRead,
                run=self._mark_read,
                reads=False,
            ),
            Tool(
                name="send_message",
                title="Send a message",
                description="Post a message in a room or a thread. People read it as yours.",
                scope=Scope.WRITE,
                arguments=SendMessage,
                run=self._send,
                reads=False,
                repeats=False,
            ),
            Tool(
                name="react",
                title="React to a message",
                description="Add an emoji to a message, or take your own back.",
                scope=Scope.WRITE,
                arguments=React,
                run=self._react,
                reads=False,
            ),
        )

    async def _list_rooms(self, user: User, given: ListRooms) -> object:
        return await self._service.rooms.visible(user, given.after, given.limit)

    async def _read_room(self, user: User, given: ReadRoom) -> object:
        room = await self._service.rooms.get(given.room, user)
        page = self._service.history.page
        return await page(user, room, given.before, given.limit, after=given.after)

    async def _read_thread(self, user: User, given: ReadThread) -> object:
        room = await self._service.rooms.get(given.room, user)
        page = self._service.messages.threads.page
        return await page(user, room, given.message, given.before, given.limit)

    async def _search(self, user: User, given: SearchMessages) -> object:
        room = await self._service.rooms.get(given.room, user) if given.room else None
        return await self._service.search.find(user, given.text, room, given.before, given.limit)

    async def _find_members(self, user: User, given: FindMembers) -> object:
        room = await self._service.rooms.get(given.room, user)
        return await self._service.rooms.members(user, room, given.after, given.limit, given.text)

    async def _mark_read(self, user: User, given: MarkRead) -> object:
        room = await self._service.rooms.get(given.room, user)
        return Reached(await self._service.rooms.mark_read(user, room, given.seq))

    async def _send(self, user: User, given: SendMessage) -> object:
        room = await self._service.rooms.get(given.room, user)
        client_id = given.client_id or secrets.token_hex(16)
        event, repeated = await self._service.messages.post(
            user, room, client_id, given.text, thread=given.thread
        )
        return Sent(event.id, event.room, event.seq, event.at, repeated)

    async def _react(self, user: User, given: React) -> object:
        room = await self._service.rooms.get(given.room, user)
        messages = self._service.messages
        change = messages.unreact if given.remove else messages.react
        return Reached(await change(user, room, given.message, given.emoji))
