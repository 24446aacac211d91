"""What users do with polls, at whatever door, and the rights that it needs."""

from collections.abc import Sequence
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

from chatserver import (
    ChatError,
    Context,
    Meaning,
    Message,
    PollEnd,
    PollVote,
    Right,
    Room,
    User,
    UserRate,
    UserRef,
    demand_right,
    time_text,
)
from chatserver_plugins.polls.book import Book, State, ended
from chatserver_plugins.polls.poll import (
    NAME,
    Choices,
    Poll,
    clean_choices,
    clean_poll,
    poll_in,
    text_of,
)
from chatserver_plugins.polls.tallies import Tallies, Tally
from chatserver_plugins.polls.telling import Telling

PAGE = 100  # votes at most, on one page
VOTED = "voted"  # the notice to the user's own devices
PER_SECOND, BURST = 1 / 10, 5.0  # polls that one user makes
ANONYMOUS = Meaning(403, "never", "Who voted how in this poll is told to nobody.")

Id = Annotated[str, Meta(min_length=1, max_length=100)]
Chosen = Annotated[tuple[int, ...], Meta(max_length=100)]


class NewPoll(msgspec.Struct, frozen=True, kw_only=True):
    """A poll to make in a room, or in the thread of a message there. With the same `client_id` it is made once."""

    room: Id
    question: str
    options: Annotated[tuple[str, ...], Meta(max_length=100)]
    several: bool = False
    anonymous: bool = False
    ends_at: Annotated[str, Meta(max_length=40)] | None = None
    thread: Id | None = None
    client_id: Annotated[str, Meta(min_length=1, max_length=64)] | None = None


class PollView(msgspec.Struct, frozen=True, kw_only=True):
    """A poll as one of its readers sees it, counted at `at` (Unix time in ms).

    `ends_at` and `ended_at` are RFC 3339. `may_vote` and `may_end` say what the reader's rights allow now. `counts` has a number for each option, and `mine` the places of those that
    the reader chose, from 0 on.
    """

    message: str
    question: str
    options: Sequence[str]
    several: bool
    anonymous: bool
    ends_at: str | None
    ended_at: str | None
    counts: Sequence[int]
    voters: int
    mine: Choices
    may_vote: bool
    may_end: bool
    at: int


class Vote(msgspec.Struct, frozen=True, kw_only=True):
    """Who chose which options."""

    user: UserRef
    choices: Choices


class VotePage(msgspec.Struct, frozen=True, kw_only=True):
    """Votes by the ids of their users. The next page comes behind `after`; None: there is none."""

    votes: Sequence[Vote]
    after: str | None


class _Found(NamedTuple):
    message: Message
    room: Room
    poll: Poll


class Desk:
    """Makes polls as messages, takes votes, shows them and ends them."""

    def __init__(self, context: Context) -> None:
        self._context, self._service = context, context.service
        self._book = Book(context.records)
        self._tallies = Tallies(self._book, context.clock)
        self._telling = Telling(context, self._book, self._tallies)
        self._rate = UserRate(PER_SECOND, BURST)

    async def create(self, user: User, given: NewPoll) -> PollView:
        """Post a message with a poll. Raises `ChatError`: room.not_found, request.invalid, limit.rate, and what
        posting a message raises.
        """
        room = await self._service.rooms.get(given.room, user)
        demand_right(user, room, Right.POST)
        poll = clean_poll(
            Poll(
                question=given.question,
                options=given.options,
                several=given.several,
                anonymous=given.anonymous,
                ends_at=given.ends_at,
            ),
            self._context.clock.now(),
        )
        self._rate.take(user.id)
        posted = await self._context.messages.post(
            user,
            room,
            text_of(poll),
            data={NAME: poll},
            thread=given.thread,
            client_id=given.client_id,
        )
        if NAME not in posted.data:
            raise ChatError("message.client_id_reused")
        return await self.show(user, posted.id)

    async def show(self, user: User, message: str) -> PollView:
        """The poll of a message as it stands. Raises `ChatError` message.not_found."""
        return await self._view(user, await self._find(user, message))

    async def vote(self, user: User, message: str, choices: Sequence[int]) -> PollView:
        """Vote in place of one's earlier vote; nothing withdraws it.

        Whoever may react to messages of the room may vote. Raises `ChatError`: message.not_found, room.forbidden,
        room.archived, auth.scope, user.blocked, user.unreachable, request.invalid, polls.ended, action.refused.
        """
        found = await self._find(user, message)
        await self._demand_voice(user, found.room)
        chosen = clean_choices(found.poll, choices)
        self._demand_time(found.poll)
        action = PollVote(room=found.room.id, message=message, choices=chosen)
        await self._context.allow(action, user)
        await self._book.vote(message, user.id, chosen)
        try:
            await self._find(user, message)
        except ChatError:  # deleted meanwhile, perhaps before its other votes were removed
            await self._book.forget_vote(message, user.id)
            raise
        self._tallies.note(message, user.id, chosen)
        self._telling.changed(found.room, message, len(found.poll.options))
        self._context.tell(VOTED, {"message": message, "mine": chosen}, user=user.id)
        return await self._view(user, found)

    async def end(self, user: User, message: str) -> PollView:
        """End a poll of one's own, or as a moderator another's; one that has ended stays as it is.

        Raises `ChatError`: message.not_found, room.forbidden, room.archived, auth.scope, action.refused.
        """
        found = await self._find(user, message)
        author = found.message.author.id
        demand_right(user, found.room, _to_end(user, found))
        await self._context.allow(PollEnd(room=found.room.id, message=message, author=author), user)
        if not found.poll.is_over(self._context.clock.now()):
            await self._book.end(message, time_text(self._context.clock.now()))
            self._telling.changed(found.room, message, len(found.poll.options))
        return await self._view(user, found)

    async def votes(self, user: User, message: str, after: str = "", limit: int = PAGE) -> VotePage:
        """Who voted how, behind the user (id) `after`. Raises `ChatError` message.not_found, polls.anonymous."""
        found = await self._find(user, message)
        if found.poll.anonymous:
            raise ChatError("polls.anonymous", meaning=ANONYMOUS)
        rows = await self._book.page(message, after, limit)
        people = await self._service.accounts.get_many([each for each, _ in rows])
        votes = [
            Vote(user=UserRef.of(people[each]), choices=choices)
            for each, choices in rows
            if choices and each in people
        ]
        return VotePage(votes=votes, after=rows[-1][0] if len(rows) == limit else None)

    async def forget_user(self, user: str) -> None:
        """Remove all votes of a deleted account."""
        for message in await self._book.forget_user(user):
            self._tallies.note(message, user, ())

    async def close(self) -> None:
        """End what runs in the background."""
        await self._telling.close()

    async def _find(self, user: User, message: str) -> _Found:
        found = await self._service.messages.by_id(user, message)
        poll = poll_in(found)
        if poll is None:
            raise ChatError("message.not_found", "This message has no poll.")
        return _Found(found, await self._service.rooms.get(found.room, user), poll)

    async def _demand_voice(self, user: User, room: Room) -> None:
        demand_right(user, room, Right.REACT)
        await self._service.blocks.demand_talk(user, room)

    def _demand_time(self, poll: Poll) -> None:
        if poll.is_over(self._context.clock.now()):
            raise ended()

    async def _view(self, user: User, found: _Found) -> PollView:
        message = found.message
        tally = await self._tallies.of(message.id)
        state = await self._book.state(message.id, user.id)
        self._tallies.note(message.id, user.id, state.choices)  # it may be of another node
        view = _view(found, tally, state, self._context.clock.now())
        if view.ended_at is not None:
            return view
        return msgspec.structs.replace(
            view,
            may_vote=_may(user, found.room, Right.REACT),
            may_end=_may(user, found.room, _to_end(user, found)),
        )


def _to_end(user: User, found: _Found) -> Right:
    """The right that ending the poll takes."""
    return Right.REACT if found.message.author.id == user.id else Right.MODERATE


def _may(user: User, room: Room, right: Right) -> bool:
    try:
        demand_right(user, room, right)
    except ChatError:
        return False
    return True


def _view(found: _Found, tally: Tally, state: State, now: float) -> PollView:
    """The view of somebody who may do nothing but look."""
    poll = found.poll
    over = poll.ends_at if poll.is_over(now) else None
    return PollView(
        message=found.message.id,
        question=poll.question,
        options=poll.options,
        several=poll.several,
        anonymous=poll.anonymous,
        ends_at=poll.ends_at,
        ended_at=state.ended_at or over,
        counts=tally.counts(len(poll.options)),
        voters=tally.voters,
        mine=state.choices,
        may_vote=False,
        may_end=False,
        at=tally.at,
    )
