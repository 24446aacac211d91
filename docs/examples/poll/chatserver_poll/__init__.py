"""Polls: a question with a button for each option, whose votes are data of the message."""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta

import chatserver

MOST_BYTES = 16_000  # some 400 votes
CLOSE = "close"  # the id of the last button; those of the others are the numbers of the options
Label = Annotated[str, Meta(min_length=1, max_length=80)]

SDL = """
extend type Message {
  "The poll in the message; null if there is none."
  poll: Poll
}

extend type Subscription {
  "The poll in a message: as it stands, then after each vote, until it is closed."
  poll(room: ID!, message: ID!): Poll!
}

"A question with options to vote for."
type Poll {
  "The question."
  question: String!
  "The options, in order."
  options: [PollOption!]!
  "Whether no vote counts any more."
  closed: Boolean!
}

"One of the options of a poll."
type PollOption {
  "Its text."
  label: String!
  "Number of votes."
  votes: Int!
  "Whether the signed-in user voted for it."
  mine: Boolean!
}
"""


class Poll(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The data of a message. `votes` has the number of the option by user id."""

    question: Annotated[str, Meta(min_length=1, max_length=300)]
    options: Annotated[tuple[Label, ...], Meta(min_length=2, max_length=10)]
    votes: dict[str, int] = {}
    closed: bool = False

    def voted(self, user: str, option: int) -> "Poll":
        """The poll with the user's vote; the same vote again takes it back."""
        votes = dict(self.votes)
        if votes.get(user) == option:
            del votes[user]
        else:
            votes[user] = option
        return msgspec.structs.replace(self, votes=votes)

    def parts(self) -> chatserver.Parts | None:
        """The buttons; none once it is closed."""
        if self.closed:
            return None
        counts = [list(self.votes.values()).count(option) for option in range(len(self.options))]
        buttons = [
            chatserver.Button(id=str(option), label=f"{label[:70]} ({counts[option]})")
            for option, label in enumerate(self.options)
        ]
        close = chatserver.Button(id=CLOSE, label="End the poll", style="danger")
        return chatserver.Parts(of="poll", items=(*buttons, close))


class NewPoll(msgspec.Struct, frozen=True):
    """The body of a request for a new poll."""

    room: str
    question: str
    options: list[str]


class Ended(msgspec.Struct, frozen=True):
    """An event in the log of the room, for bots and consumers that wait for the end of a poll."""

    message: str


class PollOption(msgspec.Struct, frozen=True):
    """An option as GraphQL shows it."""

    label: str
    votes: int
    mine: bool


class Plugin:
    """Each method with `@hookimpl` answers a hook."""

    powers = chatserver.Powers(
        service=(
            "history.find",
            "live.events",
            "messages.change",
            "messages.note",
            "messages.post",
            "rooms.get",
        )
    )

    def __init__(self, config: chatserver.Settings) -> None:
        pass

    @chatserver.hookimpl
    def register_message_data(self) -> list[chatserver.MessageData]:
        return [
            chatserver.MessageData(
                name="poll",
                schema=Poll,
                max_bytes=MOST_BYTES,
                text=lambda poll: "\n".join((poll.question, *poll.options)),
                interact=self._answer,
            )
        ]

    @chatserver.hookimpl
    def register_event_kinds(self) -> list[chatserver.EventKind]:
        return [chatserver.EventKind(name="poll.ended", schema=Ended)]

    @chatserver.hookimpl
    def register_routes(self, context: chatserver.Context) -> list[chatserver.Route]:
        self._context = context
        return [chatserver.Route(path="/polls", post=self._ask)]

    @chatserver.hookimpl
    def register_graphql(self) -> list[chatserver.GraphQLPart]:
        resolvers: dict[str, Callable[..., Any]] = {"Message.poll": _poll, "Poll.options": _options}
        sources = {"Subscription.poll": chatserver.GraphQLSource(open=self._follow)}
        return [chatserver.GraphQLPart(name="poll", sdl=SDL, resolvers=resolvers, sources=sources)]

    async def _follow(self, context: Any, *, room: str, message: str) -> AsyncIterator[Poll]:
        service, user = self._context.service, context.user
        place = await service.rooms.get(room, user)
        after = place.head  # before the poll is read, so that no vote in between is missed
        found = await service.history.find(user, [(place, message)])
        shown = found.get((room, message))
        poll = None if shown is None else _read(shown.data)
        if poll is None:
            raise chatserver.ChatError("message.not_found")
        yield poll
        if poll.closed:
            return
        async for event in service.live.events(user, room, after):
            if not isinstance(event, chatserver.MessageEdited) or event.message != message:
                continue
            poll = _read(event.data)
            if poll is None:  # a later vote has replaced this one
                continue
            yield poll
            if poll.closed:
                return

    async def _ask(self, request: chatserver.Request) -> chatserver.Reply:
        user = await request.user()
        try:
            given = msgspec.json.decode(request.body, type=NewPoll)
        except msgspec.MsgspecError as error:
            raise chatserver.ChatError("request.invalid", str(error)) from error
        poll = Poll(question=given.question, options=tuple(given.options))
        posted = await self._context.messages.post(
            user,
            await self._context.service.rooms.get(given.room, user),
            given.question,
            data={"poll": poll},
            parts=poll.parts(),
            context={"asked_by": user.id},
        )
        return chatserver.Reply(status=201, body=msgspec.json.encode({"id": posted.id}))

    async def _answer(self, use: chatserver.Interaction) -> chatserver.InteractionReply | None:
        if use.part == CLOSE:
            return await self._end(use)
        option = int(use.part)
        poll = _read(use.message.data)
        if poll is None or poll.closed:
            return chatserver.InteractionReply(note="This poll has ended.")

        def change(data: Mapping[str, Any]) -> Mapping[str, Any] | None:
            present = _read(data)
            if present is None or present.closed:
                return None
            return _with(present.voted(use.user.id, option))

        return chatserver.InteractionReply(note=f"Counted: {poll.options[option]}", change=change)

    async def _end(self, use: chatserver.Interaction) -> chatserver.InteractionReply | None:
        """What was kept with the message says who may end it, so no client can claim to be that user."""
        if use.user.id != use.context["asked_by"]:
            return chatserver.InteractionReply(note="Only its author may end a poll.")
        room = await self._context.service.rooms.get(use.message.room, use.user)
        await self._context.messages.change(room, use.message.id, _closed)
        await self._context.messages.note(
            use.user, room, "poll.ended", Ended(message=use.message.id)
        )
        return None


def _closed(data: Mapping[str, Any]) -> Mapping[str, Any] | None:
    present = _read(data)
    if present is None:
        return None
    return _with(msgspec.structs.replace(present, closed=True))


def _read(data: Mapping[str, Any]) -> Poll | None:
    return msgspec.convert(data["poll"], Poll) if "poll" in data else None


def _with(poll: Poll) -> Mapping[str, Any]:
    return {"poll": poll, "parts": poll.parts()}


def _poll(message: chatserver.Message, info: Any) -> Poll | None:
    return _read(message.data)


def _options(poll: Poll, info: Any) -> list[PollOption]:
    me = info.context.user.id
    votes = list(poll.votes.values())
    return [
        PollOption(label, votes.count(number), poll.votes.get(me) == number)
        for number, label in enumerate(poll.options)
    ]
