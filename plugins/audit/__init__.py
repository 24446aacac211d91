"""Logs administrative actions as JSON lines in a file: ids and kinds only, never message texts. Shows them to staff."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from chatserver import (
    AccountChange,
    AnyEvent,
    Context,
    Decision,
    LoginAttempt,
    Look,
    PagePart,
    PersonalData,
    PluginSwitch,
    Powers,
    Route,
    Settings,
    hookimpl,
    translation,
)
from chatserver_plugins.audit.entry import (
    ADMINISTRATION,
    account_entry,
    decision_entry,
    event_entry,
    login_entry,
    look_entry,
    plugin_entry,
)
from chatserver_plugins.audit.file import RotatingFile
from chatserver_plugins.audit.reader import LogReader
from chatserver_plugins.audit.routes import routes
from chatserver_plugins.audit.writer import Writer

FILE_NAME = "audit.log"


class AuditPlugin:
    """Writes `audit.log` in its folder, readable only by the server's user."""

    class Config(Settings, frozen=True, kw_only=True):
        events: Annotated[
            Literal["administration", "all", "none"],
            msgspec.Meta(
                title="Room events",
                description="Room events that are logged. `administration`: members, roles, descriptions and "
                "deletions; `all`: every event; `none`: nothing.",
            ),
            translation(
                "ja",
                "ルームのイベント",
                "記録するルームのイベントです。administration はメンバー、役割、ルームの情報、"
                "削除だけを、all はすべてを記録し、none は何も記録しません。",
            ),
        ] = "administration"
        max_bytes: Annotated[
            int,
            msgspec.Meta(
                title="Largest file",
                description="Size in bytes at which a new file begins.",
                ge=1024,
            ),
            translation(
                "ja", "ファイルの最大サイズ", "このサイズに達すると、新しいファイルに切り替えます。"
            ),
        ] = 16 * 1024 * 1024
        keep: Annotated[
            int,
            msgspec.Meta(
                title="Older files",
                description="Number of older files that are kept.",
                ge=0,
                le=1000,
            ),
            translation("ja", "古いファイルの数", "残しておく古いファイルの数です。"),
        ] = 5
        keep_days: Annotated[
            int,
            msgspec.Meta(
                title="Days for which entries are kept",
                description="Entries older than this are removed, once a day, on every node. 0: as long as their file.",
                ge=0,
                le=36_500,
            ),
            translation(
                "ja",
                "記録を残す日数",
                "これより古い記録は、各ノードで 1 日に 1 回削除されます。0: ファイルがある限り残します。",
            ),
        ] = 0
        flush_seconds: Annotated[
            float,
            msgspec.Meta(
                title="Write delay",
                description="Longest time that an entry waits to be written, in seconds.",
                gt=0,
                le=60,
            ),
            translation("ja", "書き込みまでの時間", "記録が書き込みを待つ最長の時間です。"),
        ] = 1.0
        folder: Annotated[
            str,
            msgspec.Meta(
                title="Folder",
                description="Folder of the log, which nodes may share. Empty: `audit` in the server's data "
                "folder.",
            ),
            translation(
                "ja",
                "フォルダー",
                "監査ログのフォルダーです。複数のノードで共有できます。空のときは、"
                "サーバーのデータフォルダーの audit です。",
            ),
        ] = ""

    powers = Powers(
        service=("accounts.by_name", "accounts.get_many", "administration.demand"),
    )

    def __init__(self, config: Config, data: Path) -> None:
        kinds: dict[str, frozenset[str] | None] = {
            "administration": ADMINISTRATION,
            "all": None,
            "none": frozenset(),
        }
        self.event_kinds = kinds[config.events]
        folder = Path(config.folder).absolute() if config.folder else data
        file = RotatingFile(folder / FILE_NAME, config.max_bytes, config.keep)
        self._writer = Writer(file, config.flush_seconds, config.keep_days)
        self._reader = LogReader(folder / FILE_NAME, config.keep)

    @hookimpl
    def register_routes(self, context: Context) -> Sequence[Route]:
        return routes(context, self._reader)

    @hookimpl
    def register_personal_data(self, context: Context) -> Sequence[PersonalData]:
        return [
            PersonalData(
                name="audit",
                title={
                    "en": "Sign-ins and changes in the audit log",
                    "ja": "監査ログの中のログインと変更",
                },
                export=self._reader.deeds,
                erase=None,  # whoever has done harm does not remove the traces of it
            )
        ]

    @hookimpl
    def register_page(self) -> PagePart:
        folder = Path(__file__).parent / "page"
        return PagePart(folder=folder, staff_modules=("audit.js",))

    @hookimpl
    async def startup(self) -> None:
        await self._writer.open()

    @hookimpl
    async def on_event(self, event: AnyEvent) -> None:
        await self._writer.add(event_entry(event))

    @hookimpl
    async def on_login(self, attempt: LoginAttempt) -> None:
        await self._writer.add(login_entry(attempt))

    @hookimpl
    async def on_account(self, change: AccountChange) -> None:
        await self._writer.add(account_entry(change))

    @hookimpl
    async def on_look(self, look: Look) -> None:
        await self._writer.add(look_entry(look))

    @hookimpl
    async def on_switch(self, change: PluginSwitch) -> None:
        await self._writer.add(plugin_entry(change))

    @hookimpl
    async def on_decision(self, decision: Decision) -> None:
        await self._writer.add(decision_entry(decision))

    @hookimpl
    async def shutdown(self) -> None:
        await self._writer.close()
