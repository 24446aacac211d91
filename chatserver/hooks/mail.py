"""Mails of the server to its users, and the contract of plugins that send them.

A plugin provides a way to send with `provide_mail`. The server queues and repeats; a plugin only hands one mail over.
"""

from typing import Protocol

import msgspec


class Mail(msgspec.Struct, frozen=True, kw_only=True):
    """A mail to one address. `text` is plain text; `html` is the same for clients that show it, "" for none."""

    to: str
    subject: str
    text: str
    html: str = ""


class Mailer(Protocol):
    """Hands mails to a server that delivers them. Several calls may be under way at once; none blocks the loop."""

    async def send(self, mail: Mail) -> None:
        """Return when the mail is accepted for delivery.

        Raises `Undeliverable` if no further attempt can help, such as for an address that is refused. After any other
        error, and after 30 seconds, the server tries again later. Texts of errors are logged, so they hold no address.
        """
