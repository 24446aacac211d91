"""Sends the server's mails through a mail server, by SMTP submission (RFC 6409)."""

from typing import Annotated, Literal

import msgspec

from chatserver import Mailer, Powers, Settings, StartupError, hookimpl, how_to_install


class SmtpPlugin:
    """Each mail takes a connection of its own."""

    class Config(Settings, frozen=True, kw_only=True):
        host: Annotated[
            str,
            msgspec.Meta(
                description="Host of the mail server.", min_length=1, extra={"operator": True}
            ),
        ]
        port: Annotated[
            int,
            msgspec.Meta(
                description="Its port: 587 for STARTTLS, 465 for TLS.",
                ge=1,
                le=65535,
                extra={"operator": True},
            ),
        ] = 587
        security: Annotated[
            Literal["starttls", "tls", "none"],
            msgspec.Meta(
                description="`starttls` and `tls` verify the server's certificate, and send nothing without TLS; "
                "`none` is for a mail server on this machine.",
                extra={"operator": True},
            ),
        ] = "starttls"
        ca_file: Annotated[
            str,
            msgspec.Meta(
                description="File with the authorities of its certificate. Empty: those of the system."
            ),
        ] = ""
        username: Annotated[str, msgspec.Meta(description="Name to sign in with; empty: none.")] = (
            ""
        )
        password: Annotated[str, msgspec.Meta(description="Password to sign in with.")] = ""
        sender: Annotated[
            str,
            msgspec.Meta(
                description="Address that mails come from.", pattern=r"^[!-?A-~]+@[!-?A-~]+$"
            ),
        ]
        timeout_seconds: Annotated[
            float, msgspec.Meta(description="Seconds for each answer of the server.", gt=0, le=25)
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
