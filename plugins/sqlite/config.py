"""The settings of the plugin."""

from typing import Annotated

from msgspec import Meta

import chatserver


class Config(chatserver.Settings, frozen=True):
    """The database file, and the time limit."""

    path: Annotated[
        str,
        Meta(
            title="Database file",
            description="Path of the database file, on a local disk. Empty: `sqlite/chat.db` in "
            "the server's data folder.",
            extra={"operator": True},
        ),
        chatserver.translation(
            "ja",
            "データベースのファイル",
            "データベースファイルのパスです。ローカルディスクに置きます。空のときは、"
            "サーバーのデータフォルダーの sqlite/chat.db です。",
        ),
    ] = ""
    timeout_ms: Annotated[
        int,
        Meta(
            title="Time limit",
            description="Time limit for each call, in milliseconds.",
            ge=100,
            le=60000,
        ),
        chatserver.translation("ja", "制限時間", "呼び出し一回の制限時間です。"),
    ] = 2500
