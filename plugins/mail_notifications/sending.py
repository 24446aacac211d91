"""Sends the mail of a user when its time has come.

A mail is noted as `Batch` before it is sent, and what it tells as told afterwards. If the server ends in between, or
the mail server does not say what became of it, the mail is sent again: SMTP knows no other way to lose none. It then
has the same `Message-ID`, by which mail programs and servers recognise it.
"""

import secrets

from loguru import logger
from msgspec.structs import replace

from chatserver import AddressRefused, ChatError, Context, Due, Mail, Noted, Undeliverable, User
from chatserver_plugins.mail_notifications.book import LONGEST_SECONDS, Batch, Book, Seen, Waiting
from chatserver_plugins.mail_notifications.collecting import TIMER
from chatserver_plugins.mail_notifications.letter import Letters
from chatserver_plugins.mail_notifications.refusals import Refusals
from chatserver_plugins.mail_notifications.wish import Mode, Wish, wish_of

# Before a mail that failed is tried again: twice as long each time.
AGAIN_SECONDS, LONGEST_AGAIN = 60.0, 3600.0
HOUR_SECONDS, BUSY_SECONDS = 3600.0, 2.0
MOST_DOUBLINGS = 6


class Sending:
    """Runs the timers that `Collecting` set: one a user, on one node at a time."""

    def __init__(
        self,
        context: Context,
        book: Book,
        letters: Letters,
        refusals: Refusals,
        *,
        default: str,
        mails_per_hour: int,
    ) -> None:
        self._service, self._timers, self._clock = context.service, context.timers, context.clock
        self._book, self._letters, self._refusals = book, letters, refusals
        self._default, self._most = default, mails_per_hour
        self._running: set[str] = set()  # users (ids)
        self._mails = context.measures.counter(
            "mail_notifications_total",
            "Mails about messages by outcome: sent, refused by the mail server, or put off as it did not take one",
            ("outcome",),
        )

    async def run(self, due: Due) -> None:
        """Send the mail of the user of the key, or look again later."""
        if due.key in self._running:  # a message came while the mail is sent
            await self._timers.set(TIMER, due.key, self._clock.now() + BUSY_SECONDS)
            return
        self._running.add(due.key)
        try:
            await self._run(due)
        finally:
            self._running.discard(due.key)

    async def _run(self, due: Due) -> None:
        waiting = await self._book.waiting(due.key)
        found = await self._reader(due.key) if waiting else None
        if found is None:
            await self._book.drop(due.key)
            return
        user, address, wish = found
        seen = await self._book.seen(user.id)
        again = await self._not_before(user, wish, seen, waiting)
        if again is None:
            again = await self._send(user, address, wish.zone or seen.zone, waiting)
        if again is not None:  # hours without notices may have no end; what waits has one
            await self._timers.set(TIMER, user.id, min(again, self._clock.now() + LONGEST_SECONDS))

    async def _reader(self, id: str) -> tuple[User, str, Wish] | None:
        """The user with their address and wish; None if they get no mails."""
        try:
            user = await self._service.accounts.get(id)
        except ChatError as error:
            if error.code != "user.not_found":
                raise
            return None
        wish = wish_of(await self._service.preferences.account.of(user), self._default)
        address = await self._service.emails.of(id)
        if address is None or wish.mode is Mode.OFF or await self._refusals.of(id, address):
            return None
        return user, address, wish

    async def _not_before(
        self, user: User, wish: Wish, seen: Seen, waiting: dict[str, Waiting]
    ) -> float | None:
        """The Unix time before which the user gets no mail; None if they may get one now."""
        now, first = self._clock.now(), min(each.items[0].at for each in waiting.values())
        times = [wish.due(first, wish.zone or seen.zone)]
        if wish.mode is Mode.IMMEDIATE:  # a digest comes to those who are there, too
            times.append(seen.at + 60.0 * wish.minutes)
        batch = await self._book.batch(user.id)
        if batch is not None:
            times = [batch.next]  # it was due; what came since does not put it off
        sent = await self._book.sent(user.id)
        if len(sent) >= self._most:
            times.append(sent[-self._most] + HOUR_SECONDS)
        quiet = await self._service.notifying.quiet_until(user, now)
        if quiet is not None:
            times.append(quiet)
        return max(times) if max(times) > now else None

    async def _send(
        self, user: User, address: str, zone: str, waiting: dict[str, Waiting]
    ) -> float | None:
        """Send the mail; the Unix time at which to look again, if there is more to do."""
        batch = await self._book.batch(user.id)
        if batch is None:
            upto = {room: waits.last for room, waits in waiting.items()}
            batch = Batch(id=secrets.token_hex(12), upto=upto)
            await self._book.keep_batch(user.id, batch)
        mail = await self._mail(user, address, zone, batch, waiting)
        if mail is not None:
            try:
                await self._service.outbox.send(mail)
            except AddressRefused:
                self._mails.add(1, ("refused",))
                await self._refusals.note(user.id, address)
                await self._book.drop(user.id)
                return None
            except Undeliverable as error:
                self._mails.add(1, ("refused",))
                logger.warning("a mail about messages was refused: {}", error.text)
            except Exception as error:
                self._mails.add(1, ("put off",))
                logger.warning("a mail about messages is tried again: {!r}", error)
                return await self._put_off(user.id, batch)
            else:
                self._mails.add(1, ("sent",))
                await self._book.note_sent(user.id)
        await self._book.settle(user.id, batch.upto)
        return self._clock.now() if await self._book.waiting(user.id) else None

    async def _put_off(self, user: str, batch: Batch) -> float:
        pause = min(AGAIN_SECONDS * 2 ** min(batch.tries, MOST_DOUBLINGS), LONGEST_AGAIN)
        later = replace(batch, tries=batch.tries + 1, next=self._clock.now() + pause)
        await self._book.keep_batch(user, later)
        return later.next

    async def _mail(
        self, user: User, address: str, zone: str, batch: Batch, waiting: dict[str, Waiting]
    ) -> Mail | None:
        """The mail with what still is to be told; None if nothing is."""
        rooms = await self._service.rooms.get_many(list(batch.upto))
        noted = [
            Noted(rooms[room], item.message, item.why)
            for room, waits in waiting.items()
            if room in rooms
            for item in waits.items
            if item.seq <= batch.upto.get(room, 0)
        ]
        messages = await self._service.notifying.standing(user, noted)
        if not messages:
            return None
        more = {room: waits.more for room, waits in waiting.items()}
        return await self._letters.write(user, address, zone, batch.id, messages, rooms, more)
