"""The settings, with one table for each hook, under its name."""

import ipaddress
import re
from typing import Annotated

from msgspec import Meta, field

from chatserver import Settings, TableName, signing_key

_ROOM = re.compile(r"[0-9a-z]{1,64}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Outgoing(Settings, frozen=True, kw_only=True):
    """An address to which events are posted."""

    uri: Annotated[str, Meta(description="Address to post events to: http://… or https://….")]
    secret: Annotated[
        str,
        Meta(
            description="Secret that signs requests: text, or whsec_ and base64.",
            min_length=16,
            extra={"made": "secret"},
        ),
    ]
    events: Annotated[
        list[str], Meta(description="Kinds of events, such as message.posted; empty means all.")
    ] = field(default_factory=list)
    rooms: Annotated[
        list[str],
        Meta(
            description="Ids of rooms, of any kind; empty means all public ones.",
            extra={"operator": True},
        ),
    ] = field(default_factory=list)
    allowed_networks: Annotated[
        list[str],
        Meta(
            description="Private networks that events may be posted to.", extra={"operator": True}
        ),
    ] = field(default_factory=list)
    ca_file: Annotated[
        str,
        Meta(
            description="File with the trusted authorities for https; empty: those of the system."
        ),
    ] = ""
    timeout_seconds: Annotated[
        float, Meta(gt=0, description="Time limit for the receiver's answer.")
    ] = 10.0
    attempts: Annotated[
        int, Meta(ge=1, description="Attempts, over hours, before an event becomes a dead letter.")
    ] = 50
    rooms_at_once: Annotated[
        int, Meta(ge=1, le=100, description="Rooms whose events are posted at the same time.")
    ] = 4

    def __post_init__(self) -> None:
        if not self.uri.startswith(("http://", "https://")):
            raise ValueError("uri: expected http://… or https://…")
        signing_key(self.secret)
        for network in self.allowed_networks:
            try:
                ipaddress.ip_network(network)
            except ValueError:
                raise ValueError(f"allowed_networks: {network!r} is not a network") from None
        _check_rooms("rooms", self.rooms)


class Incoming(Settings, frozen=True, kw_only=True):
    """A route at which messages for a room may be posted."""

    room: Annotated[str, Meta(description="Id of the room that messages go to.")]
    token_sha256: Annotated[
        str,
        Meta(
            description="SHA-256 of the token, in hexadecimal; the token itself is not stored.",
            extra={"made": "token_sha256"},
        ),
    ]
    name: Annotated[
        str, Meta(description="Display name of the author.", min_length=1, max_length=200)
    ]
    per_minute: Annotated[
        float, Meta(gt=0, description="Lasting rate of messages, a minute, on each node.")
    ] = 60.0
    burst: Annotated[int, Meta(ge=1, description="Messages in a burst, on each node.")] = 20

    def __post_init__(self) -> None:
        if not _SHA256.fullmatch(self.token_sha256):
            raise ValueError("token_sha256: expected 64 of 0-9 a-f")
        _check_rooms("room", [self.room])


class WebhooksConfig(Settings, frozen=True, kw_only=True):
    outgoing: Annotated[
        dict[TableName, Outgoing],
        Meta(description="Addresses to which events are posted, by name."),
    ] = {}  # noqa: RUF012 - msgspec copies it
    incoming: Annotated[
        dict[TableName, Incoming],
        Meta(description="Routes at which messages may be posted, by name."),
    ] = {}  # noqa: RUF012


def _check_rooms(key: str, rooms: list[str]) -> None:
    for room in rooms:
        if not _ROOM.fullmatch(room):
            raise ValueError(f"{key}: {room!r} is not the id of a room")
