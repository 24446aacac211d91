"""How long messages are kept: on the server, in rooms of a kind, in one room; and what is kept in any case."""

from collections.abc import Sequence
from typing import Annotated

import click
import msgspec
from loguru import logger
from msgspec import Meta

from chatserver import (
    AccountDelete,
    ChatError,
    Command,
    CommandAnswer,
    Context,
    Invocation,
    Job,
    Powers,
    Refusal,
    RoomKind,
    RoomRole,
    RunInServer,
    hookimpl,
)
from chatserver_plugins.retention import config as settings
from chatserver_plugins.retention.commands import commands
from chatserver_plugins.retention.config import MOST_DAYS
from chatserver_plugins.retention.rules import Rules
from chatserver_plugins.retention.sweep import Sweep

ROOMS = (RoomKind.PUBLIC, RoomKind.PRIVATE)
DEADLINE = 8 * 3600.0
HELD = Refusal(
    {
        "en": "This account has to be kept for now. Ask those who run the server.",
        "ja": "このアカウントは現在、保持する必要があります。サーバーの管理者にお問い合わせください。",
    }
)


class Chosen(msgspec.Struct, frozen=True):
    """`30`; 0 leaves it to the server. Without a number nothing is changed."""

    days: Annotated[int, Meta(ge=0, le=MOST_DAYS)] | None = None


class RetentionPlugin:
    """Removes messages for good when they are older than the server, or the owners of their room, want them kept."""

    Config = settings.Config

    powers = Powers(
        service=(
            "accounts.bot",
            "accounts.by_name",
            "accounts.get_many",
            "blobs.holders",
            "blobs.page",
            "blobs.purge",
            "expiry.count",
            "expiry.expire",
            "expiry.finish",
            "expiry.rooms",
            "history.message",
            "rooms.get",
        )
    )

    def __init__(self, config: settings.Config) -> None:
        self._config = config

    @hookimpl
    def register_jobs(self, context: Context) -> Sequence[Job]:
        self._prepare(context)
        every = self._config.every_hours * 3600
        return [Job(name="retention.sweep", every=every, run=self._run, deadline=DEADLINE)]

    @hookimpl
    def register_commands(self) -> Sequence[Command]:
        return [
            Command(
                name="retention",
                about={
                    "en": "See how long messages of this room are kept, or have them removed sooner: /retention 30.",
                    "ja": "メッセージの保存日数を表示します。/retention 30 で、より早く削除されるようにできます。",
                },
                arguments=Chosen,
                run=self._answer,
                who=RoomRole.OWNER,
                rooms=ROOMS,
            )
        ]

    @hookimpl(actions=(AccountDelete,))
    async def check_action(self, action: AccountDelete) -> Refusal | None:
        return HELD if await self._rules.is_held(action.account) else None

    @hookimpl
    def register_cli(self, run: RunInServer) -> click.Command:
        return commands(run, self._sweep_of)

    def _sweep_of(self, context: Context) -> Sweep:
        self._prepare(context)
        return self._sweep

    def _prepare(self, context: Context) -> None:
        self._context = context
        self._rules = Rules(context.records, self._config)
        self._sweep = Sweep(context, self._rules, self._config)

    async def _run(self) -> None:
        await self._sweep.run()

    async def _answer(self, call: Invocation[Chosen]) -> CommandAnswer:
        chosen, room = call.arguments.days, call.room
        assert room.description is not None
        of_server = self._rules.of_kind(room.description.kind)
        if chosen is None:
            return CommandAnswer(_told(await self._rules.days(room.id, room.description.kind)))
        if not self._config.owners_choose:
            raise ChatError("action.refused", "On this server only its operator decides on that.")
        if of_server and chosen > of_server:
            raise ChatError(
                "request.invalid",
                f"The server keeps messages for {of_server} days: a room can only keep them for less.",
                detail={"field": "days", "reason": "most", "most": of_server},
            )
        await self._rules.choose(room.id, chosen)
        logger.info("room {}: user {} chose a retention of {} days", room.id, call.user.id, chosen)
        return CommandAnswer(_told(chosen or of_server))


def _told(days: int) -> str:
    if not days:
        return "Messages of this room are kept for ever."
    return f"Messages of this room are removed for good after {days} days."
