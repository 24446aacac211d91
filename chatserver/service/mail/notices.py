"""Mails to users whose account has changed in a way that lets somebody in, or keeps them out."""

from collections.abc import Mapping
from datetime import UTC, datetime

from loguru import logger

from chatserver.errors import ChatError
from chatserver.hooks.mail import Mail
from chatserver.hooks.types import AccountChange, Actor, Deed
from chatserver.interfaces import Store
from chatserver.localized import in_language
from chatserver.service.accounts import Accounts
from chatserver.service.login.methods import Methods
from chatserver.service.mail import noticetexts as texts
from chatserver.service.mail.emails import Emails
from chatserver.service.mail.meter import Meter
from chatserver.service.mail.outbox import Outbox
from chatserver.service.mail.texts import Words, language_of, written

NOTICES_PER_HOUR = 10  # for one user; further changes are in the audit log alone

TOLD: Mapping[Deed, dict[str, Words]] = {
    "password": texts.PASSWORD,
    "password_reset": texts.PASSWORD,
    "linked": texts.ADDED,
    "method_added": texts.ADDED,
    "unlinked": texts.REMOVED,
    "method_removed": texts.REMOVED,
    "recovery_codes": texts.RECOVERY,
    "leaving": texts.LEAVING,
}


class Notices:
    """Tells users of changes, to the address that their account has; of a new address, to the old one.

    Only a server that sends mail does; commands beside it do not.
    """

    def __init__(
        self,
        store: Store,
        accounts: Accounts,
        emails: Emails,
        outbox: Outbox,
        methods: Methods,
        public_url: str,
        server: str,
    ) -> None:
        """`server` is the name of the server."""
        self._accounts, self._emails, self._outbox = accounts, emails, outbox
        self._methods, self._public_url, self._server = methods, public_url, server
        self._meter = Meter(store, NOTICES_PER_HOUR, 3600.0)
        accounts.watch(self._changed)

    def moved(self, user: str, former: str | None, by: Actor) -> None:
        """Tell the former address of an account (id), if it had one, that it has another one or none."""
        if former is not None:
            self._put(texts.EMAIL, user, by, former)

    def _changed(self, change: AccountChange) -> None:
        words = TOLD.get(change.what)
        if words is not None:
            self._put(words, change.user, change.by, method=change.method)

    def _put(
        self, words: dict[str, Words], user: str, by: Actor, to: str = "", method: str = ""
    ) -> None:
        if not self._outbox.is_open:
            return
        at = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")

        async def compose() -> Mail | None:
            return await self._letter(words, user, by, to, method, at)

        try:
            self._outbox.put(compose)
        except ChatError as error:
            logger.warning("a mail about a change of an account was not sent: {}", error.code)

    async def _letter(
        self, words: dict[str, Words], user: str, by: Actor, to: str, method: str, at: str
    ) -> Mail | None:
        to = to or await self._emails.of(user) or ""
        if not to or not await self._meter.take("notice", user):
            return None
        found = await self._accounts.get(user)
        language = await self._language(user)
        return written(
            words,
            to,
            f"{self._public_url}/",
            language,
            name=found.name,
            username=found.username,
            server=self._server,
            at=at,
            by=_said(by, user, language),
            method=self._label(method, language),
        )

    async def _language(self, user: str) -> str:
        """That in which the user gave the address; else that of their newest session."""
        given = await self._emails.language(user)
        return language_of(given or await self._accounts.sessions.language(user))

    def _label(self, method: str, language: str) -> str:
        """The method as the page calls it; its name if its plugin is off."""
        labels = (each.label for each in self._methods.all() if each.name == method)
        return in_language(next(labels, method), language)


def _said(by: Actor, user: str, language: str) -> str:
    if by.user != user:
        return texts.BY_STAFF[language]
    if not by.address:
        return texts.BY_USER[language]
    return texts.BY_ADDRESS[language].format(address=by.address)
