"""What hooks take and give: small frozen structs, so that a new field breaks no plugin."""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import msgspec

from chatserver.interfaces import Records
from chatserver.measure import Measures


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The base of a plugin's settings: `class Config(chatserver.Settings)` on the plugin class.

    Each field is `Annotated[type, msgspec.Meta(description="…")]`; bounds in Meta are checked. A
    field name that ends in `password`, `secret`, `token`, `key` or `uri` is never shown.
    """


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A message on its way in. `message` is the id where it edits one, else None."""

    room: str
    body: str
    reply_to: str | None = None
    message: str | None = None


class Refusal(msgspec.Struct, frozen=True):
    """Why a message may not pass; the author sees the reason."""

    reason: str


class LoginAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody tried to sign in. `user` is the id, or None where there is no such account."""

    user: str | None
    address: str
    ok: bool


class HealthCheck(msgspec.Struct, frozen=True):
    """One line of GET /health. `check` returns further values to show, or raises."""

    name: str
    check: Callable[[], Awaitable[Mapping[str, Any]]]


class Request(Protocol):
    """What a plugin's route sees of an HTTP request."""

    method: str
    path: str
    address: str  # of the client, as far as trusted proxies tell

    def header(self, name: str) -> str | None: ...


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What a plugin's route answers."""

    body: bytes
    status: int = 200
    content_type: str = "application/json"


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """An HTTP address of a plugin: an exact path and GET only."""

    path: str
    get: Callable[[Request], Awaitable[Reply]]


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """What a running server lends to a plugin."""

    data: Path  # a folder for this plugin's own files; made on first use by the plugin
    records: Records  # the plugin's own space in the store
    measures: Measures  # every figure the core keeps, to read; and to add the plugin's own
    version: str
