"""Hands one mail to a mail server."""

import ssl
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, localtime, make_msgid
from typing import Protocol

import aiosmtplib

from chatserver import AddressRefused, Mail, StartupError, Undeliverable

PERMANENT = 500  # RFC 5321, 4.2.1: no repetition helps


class SmtpSettings(Protocol):
    """The settings of the plugin."""

    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def security(self) -> str: ...
    @property
    def ca_file(self) -> str: ...
    @property
    def username(self) -> str: ...
    @property
    def password(self) -> str: ...
    @property
    def sender(self) -> str: ...
    @property
    def timeout_seconds(self) -> float: ...


class SmtpMailer:
    """A mail server."""

    def __init__(self, settings: SmtpSettings) -> None:
        self._settings = settings
        self._context: ssl.SSLContext | None = None
        if settings.security != "none":
            try:
                self._context = ssl.create_default_context(cafile=settings.ca_file or None)
            except (OSError, ssl.SSLError) as error:
                text = f"plugin.smtp.ca_file: {settings.ca_file}: {error}"
                raise StartupError(text) from error

    async def send(self, mail: Mail) -> None:
        """As in `Mailer`. Texts of errors have the status alone: the server's own may repeat addresses."""
        settings = self._settings
        client = aiosmtplib.SMTP(
            hostname=settings.host,
            port=settings.port,
            timeout=settings.timeout_seconds,
            use_tls=settings.security == "tls",
            start_tls=settings.security == "starttls",
            tls_context=self._context,
            username=settings.username or None,
            password=settings.password or None,
            local_hostname=settings.sender.rpartition("@")[
                2
            ],  # the name of this machine may take a query
        )
        try:
            async with client:
                await client.send_message(message_of(mail, settings.sender))
        except aiosmtplib.SMTPRecipientsRefused as error:
            codes = [each.code for each in error.recipients]
            if all(code >= PERMANENT for code in codes):
                raise AddressRefused(
                    "plugin.failed", f"the address was refused with {codes[0]}"
                ) from None
            raise ConnectionError(f"the mail server answered {codes[0]}") from None
        except aiosmtplib.SMTPDataError as error:
            if error.code >= PERMANENT:
                raise Undeliverable(
                    "plugin.failed", f"the mail was refused with {error.code}"
                ) from None
            raise ConnectionError(f"the mail server answered {error.code}") from None
        except aiosmtplib.SMTPResponseException as error:
            # Such as a wrong password, which the operator can mend while the mail waits.
            raise ConnectionError(f"the mail server answered {error.code}") from None


def message_of(mail: Mail, sender: str) -> EmailMessage:
    """The mail as it is sent. Raises `Undeliverable` for an address that no header can hold."""
    message = EmailMessage()
    try:
        message["From"] = Address(addr_spec=sender)
        message["To"] = Address(addr_spec=mail.to)
        message["Subject"] = mail.subject
    except (MessageError, ValueError, IndexError) as error:
        raise Undeliverable(
            "plugin.failed", "the address or the subject has a wrong form"
        ) from error
    message["Date"] = format_datetime(localtime())
    domain = sender.rpartition("@")[2]
    message["Message-ID"] = f"<{mail.id}@{domain}>" if mail.id else make_msgid(domain=domain)
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no answers by machines
    if mail.thread:
        message["In-Reply-To"] = message["References"] = f"<{mail.thread}@{domain}>"
    if mail.unsubscribe:
        message["List-Unsubscribe"] = f"<{mail.unsubscribe}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        message["Precedence"] = "list"  # older machines look here, and send no notes of absence
    message.set_content(mail.text)
    if mail.html:
        message.add_alternative(mail.html, subtype="html")
    return message
