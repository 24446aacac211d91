"""Answers users, each about their own mails."""

import re

import msgspec

from chatserver import Context, User
from chatserver_plugins.mail_notifications.book import Book
from chatserver_plugins.mail_notifications.refusals import Refusals
from chatserver_plugins.mail_notifications.wish import Mode, wish_of

ZONE_CHARS = 64
_ZONE = re.compile(r"[A-Za-z0-9_+/-]{0,64}")


class State(msgspec.Struct, frozen=True, kw_only=True):
    """How things stand for a user: whether the server sends mails, to which address, and when.

    `email` is null without an address, `refused` if the mail server takes nothing for it. `when` is the preference
    `page.notify.mail` or, without one, what the server does then.
    """

    available: bool
    email: str | None
    refused: bool
    when: str


class Desk:
    """What users ask of the plugin. Their wish is a preference of their account."""

    def __init__(self, context: Context, book: Book, refusals: Refusals, default: str) -> None:
        self._service, self._book, self._refusals = context.service, book, refusals
        self._default = default

    async def state(self, user: User) -> State:
        email = await self._service.emails.of(user.id)
        wish = wish_of(await self._service.preferences.account.of(user), self._default)
        return State(
            available=self._service.outbox.is_there,
            email=email,
            refused=email is not None and await self._refusals.of(user.id, email),
            when=wish.text(),
        )

    async def retry(self, user: User) -> State:
        """Try an address again that was refused."""
        await self._refusals.end(user.id)
        return await self.state(user)

    async def active(self, user: User, zone: str) -> bool:
        """The user is at the page, in this time zone. False if they get no mails, so that it need not be said again."""
        state = await self.state(user)
        if not state.available or state.email is None or state.when.startswith(Mode.OFF):
            return False
        await self._book.see(user.id, zone if _ZONE.fullmatch(zone) else "")
        return True
