"""The settings of the plugin."""

from typing import Annotated
from urllib.parse import urlsplit

from msgspec import Meta

import chatserver


class Config(chatserver.Settings, frozen=True, kw_only=True):
    """The address of NATS, and the subject for frames."""

    uri: Annotated[
        str,
        Meta(
            title="Address",
            description="Address, as nats://user:password@host:4222, or tls:// to require TLS. "
            "Several servers of a cluster may be named, separated by commas.",
            min_length=1,
        ),
        chatserver.translation(
            "ja",
            "アドレス",
            "nats://user:password@host:4222 のようなアドレスです。"
            "tls:// では TLS が必須になります。クラスターの複数のサーバーを、"
            "コンマで区切って書けます。",
        ),
    ]
    subject: Annotated[
        str,
        Meta(
            title="Subject",
            description="Subject of this server's nodes.",
            pattern=r"^[\w-]+(\.[\w-]+)*$",
        ),
        chatserver.translation(
            "ja", "サブジェクト", "このサーバーのノードが使うサブジェクトです。"
        ),
    ] = "chatserver"
    ca_file: Annotated[
        str,
        Meta(
            title="Trusted authorities",
            description="File with the trusted authorities; empty: those of the system.",
        ),
        chatserver.translation(
            "ja",
            "信頼する認証局",
            "信頼する認証局の証明書のファイルです。空のときはシステムのものを使います。",
        ),
    ] = ""
    timeout_ms: Annotated[
        int,
        Meta(
            title="Time limit",
            description="Time limit for each call, and for each check whether NATS answers, in "
            "milliseconds.",
            ge=100,
            le=60000,
        ),
        chatserver.translation(
            "ja", "制限時間", "呼び出し一回と、NATS の応答確認一回の制限時間です。"
        ),
    ] = 2000

    def __post_init__(self) -> None:
        for server in self.uri.split(","):
            if not _is_address(server):
                raise ValueError("uri: expected nats://host:4222 or tls://host:4222")


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("nats", "tls") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # the port is not a number
        return False
