"""The settings of the plugin."""

from typing import Annotated

from msgspec import Meta

import chatserver


class Config(chatserver.Settings, frozen=True, kw_only=True):
    """The address of Redis, and the channel for frames."""

    uri: Annotated[
        str,
        Meta(
            title="Address",
            description="Address, such as redis://user:password@host:6379, or rediss:// for TLS.",
            min_length=1,
        ),
        chatserver.translation(
            "ja",
            "アドレス",
            "redis://user:password@host:6379 のようなアドレスです。TLS では rediss:// とします。",
        ),
    ]
    channel: Annotated[
        str,
        Meta(
            title="Channel",
            description="Channel of this server's nodes.",
            min_length=1,
            max_length=200,
        ),
        chatserver.translation("ja", "チャンネル", "このサーバーのノードが使うチャンネルです。"),
    ] = "chatserver"
    timeout_ms: Annotated[
        int,
        Meta(
            title="Time limit",
            description="Time limit for each call, and for each check whether Redis answers, in "
            "milliseconds.",
            ge=100,
            le=60000,
        ),
        chatserver.translation(
            "ja", "制限時間", "呼び出し一回と、Redis の応答確認一回の制限時間です。"
        ),
    ] = 2000

    def __post_init__(self) -> None:
        if not self.uri.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("uri: expected redis://…, rediss://… or unix://…")
