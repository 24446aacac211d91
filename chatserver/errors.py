"""Every error a user can meet: stable code, HTTP status, what a client should do, safe text.

Imports nothing of the project. `docs/protocol.md` lists the same codes; a test compares them.
"""

from typing import Literal, NamedTuple

Retry = Literal["never", "later", "refresh"]


class Meaning(NamedTuple):
    """The meaning of one code, the same on every transport."""

    status: int  # HTTP status
    retry: Retry  # never: change the request; later: the same again; refresh: reload state first
    text: str


CODES: dict[str, Meaning] = {
    "request.invalid": Meaning(400, "never", "The request is not valid."),
    "request.unknown_op": Meaning(400, "never", "There is no such operation."),
    "request.too_large": Meaning(413, "never", "The request is larger than the server accepts."),
    "request.cut": Meaning(400, "later", "The connection broke before the request was complete."),
    "request.not_found": Meaning(404, "never", "There is nothing at this address."),
    "request.header_too_large": Meaning(431, "never", "The request's header is too large."),
    "request.uri_too_long": Meaning(414, "never", "The request's address is too long."),
    "request.version": Meaning(505, "never", "This server speaks HTTP/1.1."),
    "request.host": Meaning(421, "never", "This server does not answer for that host."),
    "request.method": Meaning(405, "never", "This address does not answer that method."),
    "request.media_type": Meaning(415, "never", "The body must be application/json."),
    "request.origin": Meaning(403, "never", "Requests from this origin are not accepted."),
    "auth.required": Meaning(401, "never", "Sign in first."),
    "auth.invalid": Meaning(401, "never", "The credentials are not valid."),
    "auth.address": Meaning(403, "never", "Administration is not allowed from this address."),
    "auth.closed": Meaning(403, "never", "This server does not accept new accounts."),
    "auth.challenge": Meaning(401, "never", "Another step is needed to sign in."),
    "auth.confirm": Meaning(403, "never", "Confirm first that it is you."),
    "auth.flow": Meaning(401, "never", "This sign-in has ended. Begin again."),
    "auth.last": Meaning(409, "never", "This is the only way to sign in to the account."),
    "auth.refused": Meaning(403, "never", "The sign-in was refused."),
    "auth.scope": Meaning(403, "never", "The token of this bot is not for this."),
    "auth.unavailable": Meaning(
        503, "later", "The service that signs people in is not available at the moment."
    ),
    "user.exists": Meaning(409, "never", "This user name is taken."),
    "user.not_found": Meaning(404, "never", "There is no such user."),
    "user.forbidden": Meaning(403, "never", "Your role does not allow this."),
    "user.blocked": Meaning(409, "never", "You have blocked this person."),
    "user.unreachable": Meaning(403, "never", "You cannot reach this person."),
    "user.last_owner": Meaning(
        409, "never", "Make somebody else an owner first: this is the server's last one."
    ),
    "room.not_found": Meaning(404, "refresh", "There is no such room."),
    "room.forbidden": Meaning(403, "refresh", "Your role in this room does not allow this."),
    "room.last_owner": Meaning(
        409, "never", "Make somebody else an owner first: you are the room's last one."
    ),
    "room.archived": Meaning(409, "refresh", "This room is archived: it can only be read."),
    "room.moderators_only": Meaning(
        403, "refresh", "Only those who moderate this room may write in it."
    ),
    "room.slow_mode": Meaning(429, "later", "In this room you wait between two messages."),
    "room.banned": Meaning(403, "never", "You are banned from this room."),
    "message.not_found": Meaning(404, "refresh", "There is no such message."),
    "action.refused": Meaning(422, "never", "This was refused."),
    "message.refused": Meaning(422, "never", "The message was refused."),
    "message.data_invalid": Meaning(422, "never", "The data of the message is not valid."),
    "message.part_not_found": Meaning(
        404, "refresh", "The message has no such button, menu or form."
    ),
    "message.client_id_reused": Meaning(
        409, "never", "This client_id was used for another message."
    ),
    "command.unknown": Meaning(404, "never", "There is no such command here."),
    "command.forbidden": Meaning(403, "refresh", "Your role does not allow this command."),
    "command.invalid": Meaning(400, "never", "The arguments of the command are not valid."),
    "limit.rate": Meaning(429, "later", "Too many requests."),
    "limit.size": Meaning(413, "never", "The text is longer than the server accepts."),
    "limit.connections": Meaning(503, "later", "A limit of connections is reached."),
    "limit.count": Meaning(409, "never", "A limit of the server is reached."),
    "limit.space": Meaning(409, "never", "There is no space left for your files."),
    "blob.none": Meaning(501, "never", "This server keeps no files."),
    "blob.not_found": Meaning(404, "refresh", "There is no such file."),
    "blob.too_large": Meaning(413, "never", "The file is larger than the server accepts."),
    "blob.broken_picture": Meaning(
        422, "never", "This picture is broken, so what a camera wrote into it cannot be removed."
    ),
    "blob.offset": Meaning(409, "refresh", "The upload continues at another place."),
    "blob.busy": Meaning(423, "later", "Another connection continues this upload."),
    "blob.unavailable": Meaning(503, "later", "Files are not available at the moment."),
    "mail.none": Meaning(501, "never", "This server sends no mail."),
    "store.unavailable": Meaning(503, "later", "The store is not available at the moment."),
    "plugin.failed": Meaning(503, "later", "A part of the server did not answer."),
    "plugin.absent": Meaning(503, "later", "A plugin that guards this is not running."),
    "plugin.busy": Meaning(409, "later", "Another plugin is being switched at the moment."),
    "plugin.fixed": Meaning(409, "never", "This plugin cannot be switched while the server runs."),
    "plugin.invalid": Meaning(422, "never", "The plugin cannot be used with its settings."),
    "server.draining": Meaning(503, "later", "The server is restarting."),
    "server.internal": Meaning(500, "later", "The server made a mistake."),
}

# WebSocket close codes. Below 4450 a client reconnects and resumes, from 4450 on it stops.
CLOSE_DRAINING = 4301
CLOSE_INTERNAL = 4400
CLOSE_UNAUTHENTICATED = 4401
CLOSE_SLOW = 4408
CLOSE_RATE = 4429
CLOSE_BAD_FRAME = 4450
CLOSE_REJECTED = 4451
CLOSE_FORBIDDEN = 4452
CLOSE_VERSION = 4453
CLOSE_CONNECTIONS = 4454


class ChatError(Exception):
    """A refusal. The code is stable, the text may be shown to a person.

    `detail` is sent as given: nothing secret may be in it. `after_ms` is the time to wait before another
    try. A code that is not in CODES, as plugins may have, needs a `meaning`.
    """

    def __init__(
        self,
        code: str,
        text: str | None = None,
        *,
        after_ms: int | None = None,
        detail: dict[str, object] | None = None,
        meaning: Meaning | None = None,
    ) -> None:
        self.code = code
        self.meaning = meaning or CODES[code]
        self.text = text or self.meaning.text
        self.after_ms = after_ms
        self.detail = detail or {}
        super().__init__(f"{code}: {self.text}")


class StoreUnavailable(ChatError):
    """The store did not answer in time. Whether a write happened is not known.

    `reason`, in plain words and without secrets, is for the log and the command line; clients never get it.
    """

    def __init__(self, text: str | None = None, *, reason: str = "") -> None:
        super().__init__("store.unavailable", text, after_ms=1000)
        self._reason = reason

    @property
    def reason(self) -> str:
        """The reason that the store gave; else the text or type of the error that caused this one."""
        return self._reason or str(self.__cause__ or "") or type(self.__cause__ or self).__name__


class BlobsUnavailable(ChatError):
    """The back end of blobs did not answer in time, or has no space. Whether a write happened is not known.

    `reason`, in plain words and without secrets, is for the log; clients never get it.
    """

    def __init__(self, reason: str = "") -> None:
        super().__init__("blob.unavailable", after_ms=1000)
        self._reason = reason

    @property
    def reason(self) -> str:
        """The reason that the back end gave; else the text or type of the error that caused this one."""
        return self._reason or str(self.__cause__ or "") or type(self.__cause__ or self).__name__


class BlobExists(Exception):
    """There is a blob with this key already; it was left as it is."""


class Undeliverable(ChatError):
    """For consumers and mail: no further attempt can help, so the event becomes a dead letter at once."""


class AddressRefused(Undeliverable):
    """For mail: the mail server takes nothing for this address, whatever the mail says."""


class ReceiverBusy(ChatError):
    """For consumers: the receiver wants no events of any room for `after_ms`."""


class BusUnavailable(Exception):
    """Frames could not be handed to the bus. They are counted as dropped; nothing waits for them."""


class StartupError(Exception):
    """The server refuses to start; the text names the cause and, for settings, the path."""


class PortTaken(StartupError):
    """Another program listens at the server's address."""


class FolderInUse(StartupError):
    """Another process has the data folder."""
