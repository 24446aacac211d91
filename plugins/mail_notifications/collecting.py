"""Notes whom messages concern, and sets the time of their mail."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from chatserver import AnyEvent, Concerned, Context, MessagePosted, for_each
from chatserver_plugins.mail_notifications.book import LONGEST_SECONDS, Book, Item
from chatserver_plugins.mail_notifications.wish import Mode, Wish, wish_of

KINDS = ("message.posted",)
TIMER = "mail_notifications.send"
ASKED_AT_ONCE = 500  # users whose addresses, or wishes, are read in one query
SKEW_SECONDS = 60.0  # by which clocks of nodes may differ


class Collecting:
    """Handles events, in the order of each room. Repeats change nothing."""

    def __init__(self, context: Context, book: Book, default: str) -> None:
        """`default` is the mode of users who have not chosen one."""
        self._service, self._timers, self._clock = context.service, context.timers, context.clock
        self._book, self._default = book, default
        self._left_out = context.measures.counter(
            "mail_notifications_left_out_total",
            "Messages that no mail told because messages of too many rooms waited for their user",
        )

    async def handle(self, events: Sequence[AnyEvent]) -> None:
        since = self._clock.now() - LONGEST_SECONDS
        posted = [each for each in events if isinstance(each, MessagePosted) and _at(each) > since]
        if not posted:
            return
        notifying = self._service.notifying
        for concerned in await notifying.concerned(posted, self._among, self._having):
            await self._note(concerned)

    async def concerned(self, concerned: Concerned) -> None:
        """Note a message for those of its users who want mails, unless it is too old, or nothing sends mails."""
        event, users = concerned
        is_new = _at(event) > self._clock.now() - LONGEST_SECONDS
        if is_new and self._service.outbox.is_there:
            having = await self._having(list(users))
            await self._note(Concerned(event, {user: users[user] for user in having}))

    async def _note(self, concerned: Concerned) -> None:
        event, users = concerned
        wishes = await self._wishes(list(users))

        async def note(user: str) -> None:
            item = Item(seq=event.seq, message=event.id, why=users[user], at=_at(event))
            if await self._book.add(user, event.room, item):
                await self._set(user, wishes[user], item.at)
            else:
                self._left_out.add()

        await for_each(users, note)

    async def _set(self, user: str, wish: Wish, at: float) -> None:
        """Set the time at which the user's mail is looked after, unless it comes earlier."""
        zone = wish.zone or (await self._book.seen(user)).zone
        due, found = wish.due(at, zone), await self._timers.get(TIMER, user)
        if found is None or due < found.at:
            await self._timers.set(TIMER, user, due)
        elif found.at <= self._clock.now() + SKEW_SECONDS:
            # It may be under way, and not see this message: then it has to come again.
            await self._timers.set(TIMER, user, found.at)

    async def _among(self, members: Iterable[str]) -> list[str]:
        """Those of the users (ids) who have an address."""
        users, found = list(members), []
        for start in range(0, len(users), ASKED_AT_ONCE):
            some = users[start : start + ASKED_AT_ONCE]
            there = await self._service.emails.of_many(some)
            found += [user for user in some if user in there]
        return found

    async def _having(self, users: Sequence[str]) -> set[str]:
        """Those of the users (ids) who have an address and want mails."""
        wishes = await self._wishes(await self._among(users))
        return {user for user, wish in wishes.items() if wish.mode is not Mode.OFF}

    async def _wishes(self, users: Sequence[str]) -> dict[str, Wish]:
        found: dict[str, Wish] = {}
        for start in range(0, len(users), ASKED_AT_ONCE):
            some = users[start : start + ASKED_AT_ONCE]
            preferences = await self._service.preferences.account.of_many(some)
            found |= {user: wish_of(preferences.get(user, {}), self._default) for user in some}
        return found


def _at(event: MessagePosted) -> float:
    return datetime.fromisoformat(event.at).timestamp()
