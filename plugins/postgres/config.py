"""The settings of the plugin."""

from typing import Annotated

from msgspec import Meta

import chatserver


class Config(chatserver.Settings, frozen=True, kw_only=True):
    """The address of the database, and how to connect."""

    uri: Annotated[
        str,
        Meta(
            title="Address",
            description="Address, such as postgresql://user@host:5432/chatserver?sslmode=verify-full. "
            "Of several hosts, separated by commas, the one that accepts writes is used.",
            min_length=1,
        ),
        chatserver.translation(
            "ja",
            "アドレス",
            "postgresql://user@host:5432/chatserver?sslmode=verify-full のようなアドレスです。"
            "ホストをコンマで区切って複数書くと、書き込めるものを使います。",
        ),
    ]
    schema: Annotated[
        str,
        Meta(
            title="Schema",
            description="Name of the schema for the tables; made if it is missing.",
            pattern="^[a-z_][a-z0-9_]{0,62}$",
        ),
        chatserver.translation(
            "ja", "スキーマ", "テーブルを置くスキーマの名前です。なければ作成します。"
        ),
    ] = "chatserver"
    connections: Annotated[
        int,
        Meta(title="Connections", description="Most connections that a node opens.", ge=2, le=1000),
        chatserver.translation("ja", "接続数", "一つのノードが開く接続の上限です。"),
    ] = 10
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
    start_seconds: Annotated[
        int,
        Meta(
            title="Wait at start",
            description="Time to wait for the database at start, in seconds.",
            ge=0,
            le=600,
        ),
        chatserver.translation("ja", "起動時の待ち時間", "起動時にデータベースを待つ時間です。"),
    ] = 15

    def __post_init__(self) -> None:
        if not self.uri.startswith(("postgresql://", "postgres://")):
            raise ValueError("uri: expected postgresql://…")
