"""Notices on devices whose page is closed, by Web Push (RFC 8030): of what concerns a user and is not read."""

import ipaddress
import ssl
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from msgspec import Meta, field

from chatserver import (
    AccountChange,
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
    Reminder,
    Route,
    Settings,
    StartupError,
    Timer,
    hookimpl,
    translation,
)
from chatserver_plugins.push.concern import KINDS, TIMER, Concern
from chatserver_plugins.push.deciding import Deciding
from chatserver_plugins.push.desk import Desk
from chatserver_plugins.push.devices import Devices
from chatserver_plugins.push.encryption import Voucher, new_key
from chatserver_plugins.push.graphql import part
from chatserver_plugins.push.operations import operations
from chatserver_plugins.push.roster import Roster
from chatserver_plugins.push.routes import routes
from chatserver_plugins.push.sending import Sending
from chatserver_plugins.push.telling import Telling

PAGE = Path(__file__).parent / "page"
KEY = "vapid"  # the record with the key that vouches for the installation
ATTEMPTS = 20  # of a timer whose run raises, as when the store is away
TELL_SECONDS = 120.0  # a notice to all devices of a user


class PushPlugin:
    """Notes whom messages concern, and tells them after a while unless they have read them."""

    class Config(Settings, frozen=True, kw_only=True):
        contact: Annotated[
            str,
            Meta(
                title="Contact",
                description="Where push services reach who runs the server: mailto:… or https://…; "
                "empty: `server.public_url`. Apple's wants one.",
            ),
            translation(
                "ja",
                "連絡先",
                "プッシュサービスがサーバーの運営者に連絡するためのアドレスです（mailto:… または "
                "https://…）。空のときは server.public_url を使います。Apple のサービスには必要です。",
            ),
        ] = ""
        delay_seconds: Annotated[
            float,
            Meta(
                title="Delay",
                description="Time in which a message can be read before a notice is pushed.",
                ge=0,
                le=3600,
            ),
            translation(
                "ja",
                "通知までの待ち時間",
                "プッシュ通知を送る前に、メッセージが読まれるのを待つ時間です。",
            ),
        ] = 5.0
        timeout_seconds: Annotated[
            float,
            Meta(
                title="Time limit",
                description="Time limit for a push service's answer.",
                gt=0,
                le=25,
            ),
            translation("ja", "制限時間", "プッシュサービスの応答の制限時間です。"),
        ] = 10.0
        allowed_networks: Annotated[
            list[str],
            Meta(
                title="Private networks",
                description="Private networks with push services of your own.",
                extra={"operator": True},
            ),
            translation(
                "ja",
                "プライベートネットワーク",
                "自前のプッシュサービスがあるプライベートネットワークです。",
            ),
        ] = field(default_factory=list)
        ca_file: Annotated[
            str,
            Meta(
                title="Trusted authorities",
                description="File with the trusted authorities for push services; empty: those of the system.",
            ),
            translation(
                "ja",
                "信頼する認証局",
                "プッシュサービスとの通信で信頼する認証局の証明書のファイルです。空のときはシステムの"
                "ものを使います。",
            ),
        ] = ""

        def __post_init__(self) -> None:
            if self.contact and not self.contact.startswith(("mailto:", "https://")):
                raise ValueError("contact: expected mailto:… or https://…")
            for network in self.allowed_networks:
                try:
                    ipaddress.ip_network(network)
                except ValueError:
                    raise ValueError(f"allowed_networks: {network!r} is not a network") from None

    powers = Powers(
        network=("any",),
        service=(
            *("accounts.get", "accounts.sessions", "hub.tell_user"),
            *("notifying.concerned", "notifying.quiet_until", "notifying.standing"),
            *("rooms.get_many", "rooms.name"),
        ),
    )

    def __init__(self, config: Config) -> None:
        self._config = config
        self._parts: Parts | None = None

    @hookimpl
    async def startup(self, context: Context) -> None:
        key = await _key(context)
        contact = self._config.contact or context.public_url
        voucher = Voucher(key, contact if contact.startswith(("mailto:", "https:")) else "")
        self._parts = Parts(context, self._config, voucher)

    @hookimpl
    def register_consumers(self) -> Sequence[Consumer]:
        async def handle(events: Sequence[AnyEvent]) -> None:
            await self._opened().concern.handle(events)

        def wants(_: AnyEvent) -> bool:
            return self._opened().concern.may_have_users()

        # Thousands may watch a room, of whom each gets a timer.
        return [
            Consumer(
                name="push.messages",
                handle=handle,
                kinds=KINDS,
                wants=wants,
                batch=20,
                deadline=120.0,
            )
        ]

    @hookimpl
    def register_timers(self) -> Sequence[Timer]:
        async def tell(due: Due) -> None:
            await self._opened().telling.tell(due)

        return [Timer(name=TIMER, run=tell, at_once=32, attempts=ATTEMPTS, deadline=TELL_SECONDS)]

    @hookimpl
    def register_routes(self) -> Sequence[Route]:
        return routes(self._desk)

    @hookimpl
    def register_operations(self) -> Sequence[Operation]:
        return operations(self._desk)

    @hookimpl
    def register_graphql(self) -> Sequence[GraphQLPart]:
        return [part(self._desk)]

    @hookimpl
    def register_page(self) -> PagePart:
        return PagePart(folder=PAGE, modules=("push.js",))

    @hookimpl
    async def on_concerned(self, concerned: Concerned) -> None:
        await self._opened().concern.concerned(concerned)

    @hookimpl
    async def on_reminder(self, reminder: Reminder) -> None:
        await self._opened().concern.remind(reminder)

    @hookimpl
    def register_personal_data(self, context: Context) -> Sequence[PersonalData]:
        async def held(user: str) -> AsyncGenerator[dict[str, Any], None]:
            for device in await self._opened().devices.of(user):
                yield {
                    "name": device.name,
                    "service": urlsplit(device.endpoint).hostname,
                    "language": device.language,
                    "texts": device.texts,
                    "created": device.created,
                }

        async def erase(user: str) -> None:
            await self._opened().devices.forget(user)

        return [
            PersonalData(
                name="push",
                title={"en": "Devices for push notices", "ja": "プッシュ通知を受け取る端末"},
                export=held,
                erase=erase,
            )
        ]

    @hookimpl
    async def on_account(self, change: AccountChange) -> None:
        if change.what in ("signed_out", "sessions_ended"):
            await self._opened().devices.of(
                change.user
            )  # which removes those whose session has ended

    @hookimpl
    async def shutdown(self) -> None:
        if self._parts is not None:
            self._parts.sending.close()

    def _opened(self) -> "Parts":
        assert self._parts is not None
        return self._parts

    def _desk(self) -> Desk:
        return self._opened().desk


class Parts:
    """The parts of the running plugin."""

    def __init__(self, context: Context, config: PushPlugin.Config, voucher: Voucher) -> None:
        """Raises `StartupError` if the `ca_file` cannot be used."""
        roster = Roster(context)
        deciding = Deciding(context)
        self.devices = Devices(context, roster)
        self.sending = Sending(
            context,
            voucher,
            networks=config.allowed_networks,
            tls=_trusting(config.ca_file),
            timeout=config.timeout_seconds,
        )
        self.desk = Desk(voucher.public_key, self.devices, deciding)
        self.concern = Concern(context, self.devices, roster, config.delay_seconds)
        self.telling = Telling(context, self.devices, deciding, self.sending)


async def _key(context: Context) -> bytes:
    """The key that vouches for the installation: made by the first node that starts."""
    await context.records.add(KEY, new_key())
    found = await context.records.get(KEY)
    assert found is not None
    return found


def _trusting(file: str) -> ssl.SSLContext | None:
    """A context that trusts the file's authorities; None without a file, for those of the system."""
    try:
        return ssl.create_default_context(cafile=file) if file else None
    except OSError as error:  # errors in the file's content too
        raise StartupError(f"plugin.push.ca_file: {error}") from error
