"""Questions that a room is asked, with answers to choose from."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from chatserver import (
    AnyEvent,
    ChatError,
    Command,
    Consumer,
    Context,
    ExpiredMessages,
    GraphQLPart,
    Invocation,
    MessageData,
    MessageDeleted,
    MessageEdit,
    Operation,
    PagePart,
    PersonalData,
    Powers,
    Refusal,
    Rest,
    RoomChanged,
    Route,
    Settings,
    hookimpl,
)
from chatserver_plugins.polls.book import Book
from chatserver_plugins.polls.desk import Desk, NewPoll
from chatserver_plugins.polls.graphql import part
from chatserver_plugins.polls.operations import operations
from chatserver_plugins.polls.poll import NAME, Poll, text_of
from chatserver_plugins.polls.routes import routes

ABOUT = {
    "en": "Ask this room a question: /poll Question | First answer | Second answer",
    "ja": "このルームで投票を行います：/poll 質問 | 答え1 | 答え2",
}
AS_ASKED = Refusal(
    {
        "en": "The text of a poll cannot be changed. Delete it and ask again.",
        "ja": "投票の文章は変更できません。削除してから、もう一度投票を作成してください。",
    }
)
WRITE_SECONDS = 10.0  # while the store is slow, `delivery.append_seconds` pass


class Asked(msgspec.Struct, frozen=True):
    """The question and its answers, with `|` between them."""

    text: Rest


class PollsPlugin:
    """A poll is a message with its question and options; each vote is a record."""

    powers = Powers(
        service=(
            *("accounts.get_many", "blocks.demand_talk", "hub.tell_room", "hub.tell_user"),
            *("messages.by_id", "messages.post", "rooms.get"),
        )
    )

    def __init__(self, config: Settings) -> None:
        self._desk: Desk | None = None

    @hookimpl
    def register_routes(self, context: Context) -> Sequence[Route]:
        self._desk = Desk(context)
        return routes(self._opened)

    @hookimpl
    def register_operations(self) -> Sequence[Operation]:
        return operations(self._opened)

    @hookimpl
    def register_graphql(self) -> Sequence[GraphQLPart]:
        return [part(self._opened)]

    @hookimpl
    def register_message_data(self) -> Sequence[MessageData]:
        return [MessageData(name=NAME, schema=Poll, max_bytes=8192, text=text_of, has="poll")]

    @hookimpl(actions=(MessageEdit,))
    def check_action(self, action: MessageEdit) -> Refusal | None:
        return AS_ASKED if NAME in action.data else None

    @hookimpl
    def register_commands(self) -> Sequence[Command]:
        return [
            Command(
                name="poll", about=ABOUT, arguments=Asked, run=self._ask, deadline=WRITE_SECONDS
            )
        ]

    @hookimpl
    def register_consumers(self, context: Context) -> Sequence[Consumer]:
        self._book = book = Book(context.records)

        async def handle(events: Sequence[AnyEvent]) -> None:
            for event in events:
                if isinstance(event, MessageDeleted):
                    await book.forget_poll(event.message)
                elif isinstance(event, RoomChanged) and event.deleted:
                    await book.forget_room(event.room)

        return [
            Consumer(
                name=f"{NAME}.records",
                handle=handle,
                kinds=("message.deleted", "room.changed"),
                wants=lambda event: not isinstance(event, RoomChanged) or event.deleted,
                attempts=None,  # what is deleted does not stay
            )
        ]

    @hookimpl
    async def on_expired(self, expired: ExpiredMessages) -> None:
        await self._book.forget_polls(expired.messages)

    @hookimpl
    def register_page(self) -> PagePart:
        return PagePart(folder=Path(__file__).parent / "page", modules=("polls.js",))

    @hookimpl
    def register_personal_data(self, context: Context) -> Sequence[PersonalData]:
        async def erase(user: str) -> None:
            if self._desk is not None:  # it has tallies in memory
                await self._desk.forget_user(user)
            await Book(context.records).forget_user(user)

        return [
            PersonalData(
                name="polls",
                title={"en": "Votes", "ja": "投票"},
                export=Book(context.records).held,
                erase=erase,
            )
        ]

    @hookimpl
    async def shutdown(self) -> None:
        if self._desk is not None:
            await self._desk.close()

    async def _ask(self, invocation: Invocation[Asked]) -> None:
        question, *options = invocation.arguments.text.replace("｜", "|").split("|")
        if not options:
            raise ChatError(
                "request.invalid",
                "Write the question and the answers with | between them.",
                detail={"field": "options", "reason": "count"},
            )
        new = NewPoll(room=invocation.room.id, question=question, options=tuple(options))
        await self._opened().create(invocation.user, new)

    def _opened(self) -> Desk:
        assert self._desk is not None
        return self._desk
