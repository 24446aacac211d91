"""A real mail server on loopback, which keeps what it gets."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword

from tests.servers import START_SECONDS, free_port

PASSWORD = "the mail server's own"


class MailServer:
    """`refuse` is the answer to the next recipients, `fail` that to the next mails; each is used once."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.envelopes: list[Envelope] = []
        self.refuse: list[str] = []
        self.fail: list[str] = []
        self.was_tls: list[bool] = []
        self.users: list[str] = []
        self.port = 0

    async def handle_RCPT(
        self, server: Any, session: Any, envelope: Envelope, address: str, options: Any
    ) -> str:
        if self.refuse:
            return self.refuse.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:
        if self.fail:
            return self.fail.pop(0)
        self.envelopes.append(envelope)
        self.was_tls.append(server.transport.get_extra_info("ssl_object") is not None)
        content = envelope.content
        assert isinstance(content, bytes)
        self.mails.append(message_from_bytes(content, policy=policy.default))
        return "250 OK"

    def authenticate(
        self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.users.append(data.login.decode())
        return AuthResult(success=data.password == PASSWORD.encode(), handled=False)


@contextmanager
def mail_server(
    folder: Path, security: str = "none", *, needs_password: bool = False
) -> Iterator[MailServer]:
    """A running one; with TLS, `folder` has the file ca.pem of its authority."""
    found = MailServer()
    context = None
    if security != "none":
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(folder / "ca.pem"))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost").configure_cert(context)
    starttls = context if security == "starttls" else None

    class Running(Controller):
        def factory(self) -> SMTP:
            return SMTP(
                found,
                hostname="localhost",
                enable_SMTPUTF8=True,
                tls_context=starttls,
                require_starttls=starttls is not None,
                authenticator=found.authenticate,
                auth_required=needs_password,
                auth_require_tls=context is not None,
            )

    ssl_context = context if security == "tls" else None
    controller = Running(
        found, hostname="localhost", port=0, ssl_context=ssl_context, ready_timeout=START_SECONDS
    )
    controller.port = free_port()
    controller.start()
    found.port = controller.port
    try:
        yield found
    finally:
        controller.stop()
