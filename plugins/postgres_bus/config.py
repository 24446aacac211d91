"""The settings of the plugin."""

from typing import Annotated

from msgspec import Meta

import chatserver


class Config(chatserver.Settings, frozen=True, kw_only=True):
    """The address of PostgreSQL, and the channel for frames."""

    uri: Annotated[
        str,
        Meta(
            title="Address",
            description="Address, such as postgresql://user@host:5432/chatserver?sslmode=verify-full; may "
            "be the store's. Of several hosts, the one that accepts writes is used.",
            min_length=1,
        ),
        chatserver.translation(
            "ja",
            "アドレス",
            "postgresql://user@host:5432/chatserver?sslmode=verify-full のようなアドレスです。"
            "ストアと同じでもかまいません。ホストを複数書くと、書き込めるものを使います。",
        ),
    ]
    channel: Annotated[
        str,
        Meta(
            title="Channel",
            description="Channel of this server's nodes.",
            pattern="^[a-z_][a-z0-9_]{0,62}$",
        ),
        chatserver.translation("ja", "チャンネル", "このサーバーのノードが使うチャンネルです。"),
    ] = "chatserver"
    timeout_ms: Annotated[
        int,
        Meta(
            title="Time limit",
            description="Time limit for each call, and for each check whether PostgreSQL answers, in "
            "milliseconds.",
            ge=100,
            le=60000,
        ),
        chatserver.translation(
            "ja", "制限時間", "呼び出し一回と、PostgreSQL の応答確認一回の制限時間です。"
        ),
    ] = 2000

    def __post_init__(self) -> None:
        if not self.uri.startswith(("postgresql://", "postgres://")):
            raise ValueError("uri: expected postgresql://…")
