"""Sends the server's mails through a mail server, by SMTP submission (RFC 6409)."""

from typing import Annotated, Literal

import msgspec

from chatserver import Mailer, Powers, Settings, StartupError, hookimpl, how_to_install, translation


class SmtpPlugin:
    """Each mail takes a connection of its own."""

    class Config(Settings, frozen=True, kw_only=True):
        host: Annotated[
            str,
            msgspec.Meta(
                title="Mail server",
                description="Host of the mail server.",
                min_length=1,
                extra={"operator": True},
            ),
            translation("ja", "メールサーバー", "メールサーバーのホスト名です。"),
        ]
        port: Annotated[
            int,
            msgspec.Meta(
                title="Port",
                description="Port of the mail server: 587 for STARTTLS, 465 for TLS.",
                ge=1,
                le=65535,
                extra={"operator": True},
            ),
            translation(
                "ja", "ポート", "メールサーバーのポートです。STARTTLS は 587、TLS は 465 です。"
            ),
        ] = 587
        security: Annotated[
            Literal["starttls", "tls", "none"],
            msgspec.Meta(
                title="Encryption",
                description="`starttls` and `tls` verify the server's certificate, and send nothing without "
                "TLS; `none` is for a mail server on this machine.",
                extra={"operator": True},
            ),
            translation(
                "ja",
                "暗号化",
                "starttls と tls は証明書を検証し、TLS なしでは何も送りません。none は、"
                "このマシン上のメールサーバーのためのものです。",
            ),
        ] = "starttls"
        ca_file: Annotated[
            str,
            msgspec.Meta(
                title="Trusted authorities",
                description="File with the trusted authorities; empty: those of the system.",
            ),
            translation(
                "ja",
                "信頼する認証局",
                "信頼する認証局の証明書のファイルです。空のときはシステムのものを使います。",
            ),
        ] = ""
        username: Annotated[
            str,
            msgspec.Meta(
                title="User name", description="Name to sign in with; empty: without signing in."
            ),
            translation(
                "ja",
                "ユーザー名",
                "メールサーバーにログインする名前です。空のときはログインしません。",
            ),
        ] = ""
        password: Annotated[
            str,
            msgspec.Meta(title="Password", description="Password to sign in with."),
            translation("ja", "パスワード", "メールサーバーにログインするパスワードです。"),
        ] = ""
        sender: Annotated[
            str,
            msgspec.Meta(
                title="Sender",
                description="Address that mails are sent from.",
                pattern=r"^[!-?A-~]+@[!-?A-~]+$",
            ),
            translation("ja", "差出人", "メールの差出人のアドレスです。"),
        ]
        timeout_seconds: Annotated[
            float,
            msgspec.Meta(
                title="Time limit",
                description="Time limit for each answer of the mail server, in seconds.",
                gt=0,
                le=25,
            ),
            translation("ja", "制限時間", "メールサーバーの応答一回の制限時間です。"),
        ] = 10.0

        def __post_init__(self) -> None:
            if self.password and self.security == "none":
                raise ValueError("security: a password is sent by TLS alone")

    powers = Powers(network=("configured",))

    def __init__(self, config: Config) -> None:
        self._config = config

    @hookimpl
    def provide_mail(self) -> Mailer:
        try:
            from chatserver_plugins.smtp.sending import SmtpMailer
        except ImportError as error:
            raise StartupError(f"plugin.smtp: {how_to_install('smtp')}") from error
        return SmtpMailer(self._config)
