"""What users do with reports, at whatever door, and the rights that it needs.

The queue of a room is for those who moderate it, that of all rooms for staff of the server. Nobody sees reports of
messages of their own.
"""

from collections.abc import Sequence

import msgspec

from chatserver import (
    Actor,
    ChatError,
    Context,
    Message,
    MessageReport,
    ReportSettle,
    Room,
    RoomKind,
    RoomRole,
    ServerRole,
    User,
    UserRef,
    is_staff,
    may_moderate,
    time_text,
)
from chatserver_plugins.reports.book import Book, page_of, settled_meanwhile
from chatserver_plugins.reports.cases import (
    REPORTS_PER_MESSAGE,
    Case,
    NewReport,
    OwnReport,
    Report,
    Settlement,
    State,
    Step,
    Verdict,
)

PAGE, MOST = 20, 100  # reports on a page: usual, and at most
MOST_TOLD = 100  # moderators of a room, of a new report there


class CaseView(Case, frozen=True, kw_only=True):
    """A reported message for those who moderate. `steps` are those that the reader's rights allow."""

    count: int
    steps: tuple[Step, ...]


class CasePage(msgspec.Struct, frozen=True, kw_only=True):
    """Reported messages; `after`, if there are further ones, is that of the next page."""

    reports: Sequence[CaseView]
    after: str | None


class Made(msgspec.Struct, frozen=True):
    """A report that was made, or, if it is not `new`, changed."""

    new: bool


class Desk:
    """Takes reports, shows and settles them. `address` is the client's, None where the door does not tell it."""

    def __init__(self, context: Context, book: Book) -> None:
        self._context, self._service, self._book = context, context.service, book
        self._clock = context.clock

    async def report(self, user: User, given: NewReport) -> Made:
        """Report a message, or change one's open report of it.

        Raises `ChatError` room.not_found, room.banned, message.not_found, request.invalid for one's own message,
        limit.count, action.refused.
        """
        room = await self._service.rooms.get(given.room, user)
        self._service.rooms.describe(user, room)
        message = await self._service.history.message(room, given.message)
        if message.author.id == user.id:
            raise ChatError(
                "request.invalid",
                "This is a message of your own.",
                detail={"field": "message", "reason": "own"},
            )
        text = given.text.strip()
        action = MessageReport(
            room=room.id,
            message=message.id,
            author=message.author.id,
            reason=given.reason,
            text=text,
        )
        await self._context.allow(action, user)
        at = time_text(self._clock.now())
        report = Report(by=UserRef.of(user), reason=given.reason, text=text, at=at)

        def change(case: Case | None) -> Case:
            found = _new_case(room, message, at) if case is None else case
            is_full = len(found.reports) >= REPORTS_PER_MESSAGE
            return found if is_full and not found.report_of(user.id) else found.with_report(report)

        made = Made(await self._book.report(room.id, message.id, user.id, change))
        if made.new:  # a person makes only so many a day; changes are not counted
            self._tell_staff()
            self._tell_moderators(room, message.author.id)
        return made

    async def own(self, user: User) -> Sequence[OwnReport]:
        """What the user has reported in the last 30 days, newest first."""
        return await self._book.own(user.id)

    async def seen(self, user: User) -> Sequence[OwnReport]:
        """The user's reports that were settled since the last call, each told once."""
        return await self._book.seen(user.id)

    async def page(
        self,
        user: User,
        address: str | None,
        room: str | None = None,
        state: State = State.OPEN,
        after: str = "",
        limit: int = PAGE,
    ) -> CasePage:
        """A page of the queue, oldest first; or of what is settled, newest first. Of one room, or of all.

        Raises `ChatError` user.forbidden, auth.address, room.forbidden, room.not_found.
        """
        found = await self._shown(user, address, room, state)
        cases, next_place = page_of(found, after, min(limit, MOST))
        rooms = await self._service.rooms.get_many(sorted({each.room for each in cases}))
        views = [_view(each, _steps(user, rooms.get(each.room), each)) for each in cases]
        return CasePage(reports=views, after=next_place)

    async def count(self, user: User, address: str | None, room: str | None = None) -> int:
        """The number of open reported messages in the user's queue. Raises as `page`."""
        return len(await self._shown(user, address, room, State.OPEN))

    async def settle(
        self, user: User, address: str | None, case: str, verdict: Verdict
    ) -> CaseView:
        """Do with a reported message what the verdict says, by the service's own operations, then close its case.

        Raises `ChatError` reports.settled, action.refused, and what `page` and these operations raise. After an error
        the report is open, and what was done before stands.
        """
        room_id = case.rpartition("-")[0].rpartition("-")[0]
        room = await self._demand_queue(user, address, room_id)
        found = await self._book.find(case)
        if found.author.id == user.id:
            raise settled_meanwhile()
        steps = tuple(step for step in Step if step in verdict.steps)
        if not set(steps) <= set(_steps(user, room, found)):
            raise ChatError("room.forbidden")
        action = ReportSettle(
            room=found.room, message=found.message, author=found.author.id, steps=steps
        )
        await self._context.allow(action, user)
        await self._take(user, address, room, found, steps, verdict)
        settlement = Settlement(
            by=UserRef.of(user),
            at=time_text(self._clock.now()),
            steps=steps,
            note=verdict.note.strip(),
        )
        settled = await self._book.settle(case, settlement)
        by = Actor(user=user.id, address=address)
        self._context.decided(by, found.room, found.message, found.author.id, steps)
        self._tell_staff()
        for report in settled.reports:
            self._context.tell("settled", user=report.by.id)
        return _view(settled, ())

    def _tell_staff(self) -> None:
        """Tell those who see the whole queue that it has changed."""
        self._context.tell("queue", roles=(ServerRole.OWNER, ServerRole.ADMIN))

    def _tell_moderators(self, room: Room, author: str) -> None:
        """Tell those who see the queue of the room that a report has come; nobody sees reports of their own messages."""
        if room.description is None or room.description.kind is RoomKind.DIRECT:
            return  # nobody moderates there
        moderators = [
            user
            for user, member in room.members.items()
            if member.role in (RoomRole.OWNER, RoomRole.ADMIN) and user != author
        ]
        for user in moderators[:MOST_TOLD]:
            self._context.tell("room", {"room": room.id}, user=user)

    async def _take(
        self,
        user: User,
        address: str | None,
        room: Room | None,
        case: Case,
        steps: Sequence[Step],
        verdict: Verdict,
    ) -> None:
        service, author = self._service, case.author.id
        if Step.DELETE in steps and room is not None:
            try:
                await service.messages.delete(user, room, case.message)
            except ChatError as error:
                if error.code != "message.not_found":  # it is gone already
                    raise
        if Step.BAN in steps and room is not None:
            await service.rooms.bans.add(
                user, room, author, verdict.ban_reason, verdict.ban_seconds
            )
        if Step.LOCK in steps:
            username = (await service.accounts.get(author)).username
            await service.accounts.set_disabled(user, username, True, address)

    async def _shown(
        self, user: User, address: str | None, room: str | None, state: State
    ) -> list[Case]:
        if room is None:
            self._service.administration.demand(user, address)
        else:
            await self._demand_queue(user, address, room)
        if state is State.OPEN:
            cases = await self._book.open_cases(room)
        else:
            cases = await self._book.settled_cases(room)
            rooms = await self._service.rooms.get_many(sorted({each.room for each in cases}))
            cases = [each for each in cases if each.room in rooms]
        return [each for each in cases if each.author.id != user.id]

    async def tidy(self) -> None:
        """Remove settled cases whose time is over, and those of deleted rooms.

        Open ones stay: staff of the server sees them, whoever deletes the room.
        """
        named = sorted(await self._book.settled_rooms())
        left = await self._service.rooms.get_many(named)
        await self._book.forget_settled({room for room in named if room not in left})
        await self._book.tidy()

    async def _demand_queue(self, user: User, address: str | None, room: str) -> Room | None:
        """The room, whose queue the user may see; None if staff asks for a room that is gone."""
        try:
            found = await self._service.rooms.get(room, user)
        except ChatError:
            self._service.administration.demand(user, address)
            return None
        if not may_moderate(user, found):
            if not is_staff(user):
                self._service.rooms.describe(user, found)  # raises room.not_found
                raise ChatError("room.forbidden")
            self._service.administration.demand(user, address)
        return found


def _new_case(room: Room, message: Message, at: str) -> Case:
    described = room.description
    assert described is not None
    stamp = "".join(filter(str.isdigit, at))
    return Case(
        id=f"{message.id}-{stamp}",
        room=room.id,
        room_name=None if described.kind is RoomKind.DIRECT else described.name,
        kind=described.kind,
        message=message.id,
        seq=message.seq,
        author=message.author,
        body=message.body,
        attached=message.data_text,
        posted_at=message.at,
        edited_at=message.edited_at,
        at=at,
        reports=(),
    )


def _steps(user: User, room: Room | None, case: Case) -> tuple[Step, ...]:
    """What the user's rights allow at most; the service's operations check the rest."""
    is_moderator = room is not None and may_moderate(user, room)
    allowed = {Step.DELETE: is_moderator, Step.BAN: is_moderator, Step.LOCK: is_staff(user)}
    return tuple(step for step in Step if case.settled is None and allowed[step])


def _view(case: Case, steps: tuple[Step, ...]) -> CaseView:
    fields = {name: getattr(case, name) for name in case.__struct_fields__}
    return CaseView(**fields, count=len(case.reports), steps=steps)
