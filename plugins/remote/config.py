"""The settings, with one table for each service, under its name."""

from typing import Annotated

from msgspec import Meta, field

from chatserver import Settings, TableName, signing_key, translation

UNIX = "unix:"


class Remote(Settings, frozen=True, kw_only=True):
    """A service that answers hooks in a process of its own."""

    uri: Annotated[
        str,
        Meta(
            title="Address",
            description="Address of the service: http://…, https://…, or unix: and the path of a socket.",
            extra={"operator": True},
        ),
        translation(
            "ja",
            "アドレス",
            "サービスのアドレスです。http://…、https://…、または unix: "
            "とソケットのパスで書きます。",
        ),
    ]
    secret: Annotated[
        str,
        Meta(
            title="Signing secret",
            description="Secret that signs requests: text, or whsec_ and base64.",
            min_length=16,
            extra={"made": "secret"},
        ),
        translation(
            "ja",
            "署名用のシークレット",
            "リクエストに署名するシークレットです。文字列、または whsec_ と base64 で書きます。",
        ),
    ]
    seconds: Annotated[
        float,
        Meta(
            title="Time limit",
            description="Time limit for an answer; plugins.deadline_seconds must be longer than those of "
            "all services together.",
            gt=0,
        ),
        translation(
            "ja",
            "制限時間",
            "応答の制限時間です。すべてのサービスの合計を plugins.deadline_seconds "
            "より短くします。",
        ),
    ] = 1.0
    ca_file: Annotated[
        str,
        Meta(
            title="Trusted authorities",
            description="File with the trusted authorities for https; empty: those of the system.",
        ),
        translation(
            "ja",
            "信頼する認証局",
            "https で信頼する認証局の証明書のファイルです。空のときはシステムのものを使います。",
        ),
    ] = ""
    command: Annotated[
        list[str],
        Meta(
            title="Command",
            description="Program and arguments that the server starts, and restarts at most three times "
            "an hour. Empty: the service is started by other means.",
            extra={"operator": True},
        ),
        translation(
            "ja",
            "コマンド",
            "サーバーが起動するプログラムと引数です。再起動は 1 時間に 3 回までです。空のときは、"
            "サービスを別の方法で起動します。",
        ),
    ] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not self.uri.startswith(("http://", "https://", UNIX)):
            raise ValueError("uri: expected http://…, https://… or unix:PATH")
        signing_key(self.secret)


class RemoteConfig(Settings, frozen=True, kw_only=True):
    """Services are asked in this order."""

    services: Annotated[
        dict[TableName, Remote],
        Meta(title="Services", description="Services that answer hooks, by name."),
        translation("ja", "サービス", "フックに答えるサービスを名前ごとに設定します。"),
    ] = field(default_factory=dict)
