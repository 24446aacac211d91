"""Mails about messages to people who are away: at once or as digests, of what concerns them and is not read."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta

from chatserver import (
    AnyEvent,
    Concerned,
    Consumer,
    Context,
    Due,
    GraphQLPart,
    Operation,
    PagePart,
    PersonalData,
    Powers,
    Route,
    Settings,
    Timer,
    held_records,
    hookimpl,
    translation,
)
from chatserver_plugins.mail_notifications.book import Book
from chatserver_plugins.mail_notifications.collecting import KINDS, TIMER, Collecting
from chatserver_plugins.mail_notifications.desk import Desk
from chatserver_plugins.mail_notifications.graphql import part
from chatserver_plugins.mail_notifications.letter import Letters
from chatserver_plugins.mail_notifications.operations import operations
from chatserver_plugins.mail_notifications.refusals import Refusals
from chatserver_plugins.mail_notifications.routes import routes
from chatserver_plugins.mail_notifications.sending import Sending
from chatserver_plugins.mail_notifications.unsubscribing import Links, Unsubscribing
from chatserver_plugins.mail_notifications.unsubscribing import routes as unsubscribe_routes

PAGE = Path(__file__).parent / "page"
ATTEMPTS = 20  # of a timer whose run raises, as when the store is away
SEND_SECONDS = 60.0  # the mail of a user


class MailNotificationsPlugin:
    """Notes whom messages concern, and mails what they have not read when they have been away for a while.

    Without a plugin that sends mails it does nothing.
    """

    class Config(Settings, frozen=True, kw_only=True):
        content: Annotated[
            Literal["full", "names"],
            Meta(
                title="Content",
                description="`full`: mails hold the texts of messages; `names`: they say who wrote where, not what.",
            ),
            translation(
                "ja",
                "メールの内容",
                "full ではメッセージの本文を載せます。names では、誰がどこに書いたかだけを載せます。",
            ),
        ] = "full"
        default: Annotated[
            Literal["off", "immediate", "hourly", "daily"],
            Meta(
                title="Default",
                description="When mails come to people who have chosen nothing: `immediate` after 15 minutes away, "
                "`hourly`, `daily` at 8:00, or `off`.",
            ),
            translation(
                "ja",
                "既定の頻度",
                "何も選んでいない人にメールを送る頻度です。immediate は離席の 15 分後、hourly は 1 時間ごと、"
                "daily は毎日 8:00 で、off では送りません。",
            ),
        ] = "immediate"
        mails_per_hour: Annotated[
            int,
            Meta(
                title="Mails per hour",
                description="Mails about messages that one person gets in an hour at most; the next one has the rest.",
                ge=1,
                le=60,
            ),
            translation(
                "ja",
                "1 時間あたりのメール数",
                "一人に 1 時間に送るメールの上限です。残りは次のメールにまとめます。",
            ),
        ] = 6

    powers = Powers(
        service=(
            *("accounts.get", "accounts.sessions", "config.server", "emails.language"),
            *("emails.of", "emails.of_many", "hub.tell_user", "notifying.concerned"),
            *("notifying.quiet_until", "notifying.standing", "outbox.is_there", "outbox.send"),
            *("preferences.account", "rooms.get_many", "rooms.name"),
        ),
    )

    def __init__(self, config: Config) -> None:
        self._config = config
        self._parts: Parts | None = None

    @hookimpl
    async def startup(self, context: Context) -> None:
        self._parts = Parts(context, self._config)

    @hookimpl
    def register_consumers(self, context: Context) -> Sequence[Consumer]:
        if (
            not context.service.outbox.is_there
        ):  # what sends mails is there from the start, or not at all
            return []

        async def handle(events: Sequence[AnyEvent]) -> None:
            await self._opened().collecting.handle(events)

        # Thousands may watch a room, for each of whom something is noted.
        return [
            Consumer(
                name="mail_notifications.messages",
                handle=handle,
                kinds=KINDS,
                batch=20,
                deadline=120.0,
            )
        ]

    @hookimpl
    def register_timers(self) -> Sequence[Timer]:
        async def run(due: Due) -> None:
            await self._opened().sending.run(due)

        return [Timer(name=TIMER, run=run, attempts=ATTEMPTS, deadline=SEND_SECONDS)]

    @hookimpl
    def register_routes(self) -> Sequence[Route]:
        return [*routes(self._desk), *unsubscribe_routes(lambda: self._opened().unsubscribing)]

    @hookimpl
    def register_operations(self) -> Sequence[Operation]:
        return operations(self._desk)

    @hookimpl
    def register_graphql(self) -> Sequence[GraphQLPart]:
        return [part(self._desk)]

    @hookimpl
    def register_page(self) -> PagePart:
        return PagePart(folder=PAGE, late_modules=("mail.js",))

    @hookimpl
    async def on_concerned(self, concerned: Concerned) -> None:
        await self._opened().collecting.concerned(concerned)

    @hookimpl
    def register_personal_data(self, context: Context) -> Sequence[PersonalData]:
        async def erase(user: str) -> None:
            await self._opened().forget(user)

        return [
            PersonalData(
                name="mail_notifications",
                title={
                    "en": "Messages that a mail is to tell you of",
                    "ja": "メールで通知するメッセージ",
                },
                export=lambda user: held_records(context.expiring, f"{user}/"),
                erase=erase,
            )
        ]

    def _opened(self) -> "Parts":
        assert self._parts is not None
        return self._parts

    def _desk(self) -> Desk:
        return self._opened().desk


class Parts:
    """The parts of the running plugin."""

    def __init__(self, context: Context, config: MailNotificationsPlugin.Config) -> None:
        self.book, self._refusals = Book(context), Refusals(context)
        self._timers = context.timers
        links = Links(context)
        self.unsubscribing = Unsubscribing(context, links)
        letters = Letters(context, links, holds_texts=config.content == "full")
        self.collecting = Collecting(context, self.book, config.default)
        self.sending = Sending(
            context,
            self.book,
            letters,
            self._refusals,
            default=config.default,
            mails_per_hour=config.mails_per_hour,
        )
        self.desk = Desk(context, self.book, self._refusals, config.default)

    async def forget(self, user: str) -> None:
        """Remove all about a deleted account (id)."""
        await self._timers.cancel(TIMER, user)
        await self.book.forget(user)
        await self._refusals.forget(user)
