"""Mails of the server to its users, and the contract of plugins that send them.

A plugin provides a way to send with `provide_mail`. The server queues and repeats; a plugin only hands one mail over.
"""

from typing import Protocol

import msgspec


class Mail(msgspec.Struct, frozen=True, kw_only=True):
    """A mail to one address. `text` is plain text; `html` is the same for clients that show it, "" for none.

    `id` and `thread` are 1 to 100 of `A-Z a-z 0-9 . _ -`, or "". A mail that is sent again keeps its `id`, so that mail
    programs show it once; they group mails of one `thread`. Both become message ids (RFC 5322, 3.6.4) at the domain of
    the sender. A mail that its reader may turn off has the address that does it as `unsubscribe`, in one POST (RFC 8058).
    """

    to: str
    subject: str
    text: str
    html: str = ""
    id: str = ""
    thread: str = ""
    unsubscribe: str = ""


class Mailer(Protocol):
    """Hands mails to a server that delivers them. Several calls may be under way at once; none blocks the loop."""

    async def send(self, mail: Mail) -> None:
        """Return when the mail is accepted for delivery.

        Raises `Undeliverable` if no further attempt can help, such as for a mail that is refused, and `AddressRefused` if
        that is true for all mails to the address. After any other error, and after 30 seconds, the server tries again later. Texts of errors are logged, so they hold no address.
        """
